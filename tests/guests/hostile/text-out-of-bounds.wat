;; Notes a text that begins within its memory and ends behind it.
;; must: evaluate bad-output
;; says: out-of-bounds|out of bounds

;;= evaluate
(call $set (i32.const 552) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 65535) (i32.const -1))
(i32.const 512)
