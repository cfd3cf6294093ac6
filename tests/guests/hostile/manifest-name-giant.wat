;; Is named by a text of two megabytes.
;; must: describe boundary-budget

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2097152))
(drop (call $manifest))
(call $set (i32.const 16) (i32.const 131072) (i32.const 2097152))
(i32.const 16)
