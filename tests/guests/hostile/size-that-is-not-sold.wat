;; Resizes to a size that the backend does not have.
;; must: restrained by size-unknown
;; says: asked for the size "load"

;;= evaluate
(call $set (i32.const 624) (i32.const 1080) (i32.const 4))
(call $propose (i32.const 1040) (i32.const 6))
