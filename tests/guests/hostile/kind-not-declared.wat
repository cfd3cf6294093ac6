;; Restarts an instance, and has declared nothing but scaling.
;; must: restrained by not-declared
;; says: asked for restart, which its manifest does not declare

;;= describe
(drop (call $manifest))
(call $set (i32.const 48) (i32.const 1200) (i32.const 1))
(i32.const 16)

;;= evaluate
(call $set (i32.const 608) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 1096) (i32.const 5))
(call $propose (i32.const 1048) (i32.const 7))
