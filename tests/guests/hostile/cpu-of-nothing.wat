;; Wishes for no CPU at all.
;; must: restrained by stabilized

;;= evaluate
(call $set (i32.const 616) (i32.const 920) (i32.const 1))
(i32.store8 (i32.const 928) (i32.const 1))
(call $propose (i32.const 1040) (i32.const 6))
