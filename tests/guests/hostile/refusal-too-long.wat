;; Declines in a sentence of one byte more than it may have.
;; must: evaluate bad-output
;; says: a refusal is 2049 bytes long, allowed are 2048

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2049))
(i32.store8 (i32.const 512) (i32.const 1))
(call $set (i32.const 516) (i32.const 1080) (i32.const 4))
(call $set (i32.const 524) (i32.const 131072) (i32.const 2049))
(i32.const 512)
