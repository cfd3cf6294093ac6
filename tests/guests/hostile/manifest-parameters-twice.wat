;; Takes two parameters of the same name.
;; must: manifest
;; says: two parameters are named "p"

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 2))
(call $set (i32.const 16488) (i32.const 1112) (i32.const 1))
(call $set (i32.const 16496) (i32.const 1120) (i32.const 3))
(i32.const 16)
