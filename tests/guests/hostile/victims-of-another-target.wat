;; Scales down and names an instance of another target as the one to go: one of its own goes.
;; must: restrained by stabilized

;;= fields
(data (i32.const 2056) "db-1")

;;= evaluate
(call $set (i32.const 608) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 2056) (i32.const 4))
(call $scale (i32.const 3))
