;; Notes a million empty texts: eight megabytes of nothing, and 24 bytes on our side for each.
;; must: evaluate boundary-budget

;;= memory
(memory (export "memory") 200)

;;= evaluate
(call $set (i32.const 552) (i32.const 65536) (i32.const 1000000))
(i32.const 512)
