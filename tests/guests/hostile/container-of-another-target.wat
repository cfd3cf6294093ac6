;; Resizes a container that the target does not have.
;; must: restrained by container-unknown
;; says: named the container "load"

;;= evaluate
(call $set (i32.const 920) (i32.const 1080) (i32.const 4))
(call $set (i32.const 616) (i32.const 920) (i32.const 1))
(i32.store8 (i32.const 928) (i32.const 1))
(i64.store (i32.const 936) (i64.const 600))
(call $propose (i32.const 1040) (i32.const 6))
