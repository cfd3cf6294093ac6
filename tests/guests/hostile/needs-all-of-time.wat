;; Needs a reading as far back as 18446744073709551615 milliseconds.
;; must: needs wrong
;; says: looks back or steps farther than ten years

;;= needs
(drop (call $needs_load))
(i64.store (i32.const 448) (i64.const -1))
(i32.const 384)
