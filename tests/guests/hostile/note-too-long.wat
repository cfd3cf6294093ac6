;; Notes a text of one byte more than it may.
;; must: evaluate bad-output
;; says: a note is 1025 bytes long, allowed are 1024

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 1025))
(call $set (i32.const 552) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 131072) (i32.const 1025))
(i32.const 512)
