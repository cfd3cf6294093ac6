;; Gives a schema to a number.
;; must: manifest
;; says: it has a schema, and its type is f64

;;= fields
(data (i32.const 20480) "{}")

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(call $set (i32.const 16464) (i32.const 20480) (i32.const 2))
(i32.const 16)
