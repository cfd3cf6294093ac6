;; Gives choices to a number.
;; must: manifest
;; says: it has choices, and its type is f64

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(call $set (i32.const 16456) (i32.const 20480) (i32.const 1))
(i32.const 16)
