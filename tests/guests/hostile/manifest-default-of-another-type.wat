;; Gives a number a text as default.
;; must: manifest
;; says: its default is of another type

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(i32.store8 (i32.const 16400) (i32.const 4))
(i32.const 16)
