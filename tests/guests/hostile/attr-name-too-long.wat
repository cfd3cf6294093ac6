;; Names a value by a word of one byte more than it may have.
;; must: evaluate bad-output
;; says: the name of an attr is 65 bytes long, allowed are 64

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 65))
(call $set (i32.const 560) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 131072) (i32.const 65))
(i32.const 512)
