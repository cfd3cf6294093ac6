;; Declines its parameters in a sentence of one byte more than it may have.
;; must: needs bad-output
;; says: a refusal is 2049 bytes long, allowed are 2048

;;= memory
(memory (export "memory") 64)

;;= needs
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2049))
(i32.store8 (i32.const 384) (i32.const 1))
(call $set (i32.const 388) (i32.const 1080) (i32.const 4))
(call $set (i32.const 396) (i32.const 131072) (i32.const 2049))
(i32.const 384)
