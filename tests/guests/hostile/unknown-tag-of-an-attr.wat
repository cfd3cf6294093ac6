;; Gives a named value of a type that there is not.
;; must: evaluate bad-output
;; says: discriminant

;;= evaluate
(call $set (i32.const 560) (i32.const 2048) (i32.const 1))
(i32.store8 (i32.const 2056) (i32.const 4))
(i32.const 512)
