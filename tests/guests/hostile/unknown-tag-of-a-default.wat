;; Gives a parameter a default of a type that there is not.
;; must: describe bad-output
;; says: discriminant

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(i32.store8 (i32.const 16400) (i32.const 12))
(i32.const 16)
