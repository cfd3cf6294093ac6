;; Wishes for no replica at all.
;; must: restrained by stabilized

;;= evaluate
(call $scale (i32.const 0))
