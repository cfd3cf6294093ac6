;; Notes a text of two megabytes.
;; must: evaluate boundary-budget
;; says: 1048576 bytes in one call

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2097152))
(call $set (i32.const 552) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 131072) (i32.const 2097152))
(i32.const 512)
