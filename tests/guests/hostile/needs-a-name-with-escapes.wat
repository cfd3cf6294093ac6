;; Needs a reading whose name would clear the screen of whoever reads it.
;; must: needs wrong
;; says: control character

;;= fields
(data (i32.const 2048) "\1b[2J")

;;= needs
(drop (call $needs_load))
(call $set (i32.const 424) (i32.const 2048) (i32.const 4))
(i32.const 384)
