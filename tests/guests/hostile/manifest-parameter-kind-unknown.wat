;; Takes a parameter of a type that there is not.
;; must: manifest
;; says: is of kind "load", which this host does not know

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(call $set (i32.const 16392) (i32.const 1080) (i32.const 4))
(i32.const 16)
