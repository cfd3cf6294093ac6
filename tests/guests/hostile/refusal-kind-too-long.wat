;; Declines for a reason that is a word of one byte more than it may have.
;; must: evaluate bad-output
;; says: the kind of a refusal is 65 bytes long, allowed are 64

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 65))
(i32.store8 (i32.const 512) (i32.const 1))
(call $set (i32.const 516) (i32.const 131072) (i32.const 65))
(i32.const 512)
