;; Wishes for 4294967295 replicas.
;; must: restrained by absurd
;; says: asked for 4294967295, an absurd number; the most that is taken seriously is 1000000

;;= evaluate
(call $scale (i32.const -1))
