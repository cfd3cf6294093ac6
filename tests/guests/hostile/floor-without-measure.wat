;; Wishes for at least 4294967295 replicas.
;; must: restrained by absurd
;; says: asked for 4294967295

;;= evaluate
(i32.store8 (i32.const 592) (i32.const 1))
(i32.store (i32.const 596) (i32.const -1))
(call $propose (i32.const 1032) (i32.const 5))
