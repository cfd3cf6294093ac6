;; Takes a parameter whose name is a path.
;; must: manifest
;; says: parameter "a reason": its name

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(call $set (i32.const 16384) (i32.const 1144) (i32.const 8))
(i32.const 16)
