;; Needs a reading without a name.
;; must: needs wrong
;; says: has no name

;;= needs
(drop (call $needs_load))
(call $set (i32.const 424) (i32.const 2048) (i32.const 0))
(i32.const 384)
