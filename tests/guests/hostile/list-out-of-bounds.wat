;; Proposes a list that begins within its memory and ends behind it.
;; must: evaluate bad-output
;; says: out-of-bounds|out of bounds

;;= evaluate
(call $set (i32.const 516) (i32.const 65532) (i32.const 2))
(i32.const 512)
