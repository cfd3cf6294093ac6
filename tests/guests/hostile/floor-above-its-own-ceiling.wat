;; Wishes for at least nine replicas and at most two.
;; must: restrained by floor-above-ceiling, decides 9

;;= evaluate
(i32.store8 (i32.const 592) (i32.const 1))
(i32.store (i32.const 596) (i32.const 9))
(i32.store8 (i32.const 600) (i32.const 1))
(i32.store (i32.const 604) (i32.const 2))
(call $propose (i32.const 1032) (i32.const 5))
