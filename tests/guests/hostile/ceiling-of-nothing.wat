;; Wishes for at most no replica at all.
;; must: restrained by stabilized

;;= evaluate
(i32.store8 (i32.const 600) (i32.const 1))
(i32.store (i32.const 604) (i32.const 0))
(call $propose (i32.const 1032) (i32.const 5))
