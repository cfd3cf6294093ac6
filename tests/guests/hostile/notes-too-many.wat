;; Notes one text more than it may, each empty.
;; must: evaluate bad-output
;; says: 65 notes, allowed are 64

;;= evaluate
(call $set (i32.const 552) (i32.const 16384) (i32.const 65))
(i32.const 512)
