;; Removes an instance, which it has declared and the operator has not granted.
;; must: restrained by not-granted
;; says: asked for remove, which the operator has not granted it

;;= evaluate
(call $set (i32.const 608) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 1096) (i32.const 5))
(call $propose (i32.const 1064) (i32.const 6))
