;; Wishes for one replica more than is taken seriously.
;; must: restrained by absurd
;; says: asked for 1000001

;;= evaluate
(call $scale (i32.const 1000001))
