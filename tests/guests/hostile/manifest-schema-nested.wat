;; Gives a parameter a schema of seventeen schemas, one in another.
;; must: manifest
;; says: is nested too deep

;;= fields
(data (i32.const 20480) "{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{\"items\":{}}}}}}}}}}}}}}}}}}")

;;= describe
(call $parameters (i32.const 1136) (i32.const 4) (i32.const 1))
(call $set (i32.const 16464) (i32.const 20480) (i32.const 172))
(i32.const 16)
