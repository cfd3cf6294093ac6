;; Asks for a kind of change that this host does not know, and declares it.
;; must: restrained by kind-unknown
;; says: asked for "load", a kind that this host does not know

;;= describe
(drop (call $manifest))
(call $set (i32.const 1232) (i32.const 1080) (i32.const 4))
(i32.const 16)

;;= evaluate
(call $propose (i32.const 1080) (i32.const 4))
