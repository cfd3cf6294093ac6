;; Gives two values the same name.
;; must: evaluate bad-output
;; says: two attrs are named "load"

;;= evaluate
(call $set (i32.const 560) (i32.const 2048) (i32.const 2))
(call $set (i32.const 2048) (i32.const 1080) (i32.const 4))
(call $set (i32.const 2072) (i32.const 1080) (i32.const 4))
(i32.const 512)
