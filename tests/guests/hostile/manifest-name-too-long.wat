;; Is named by a text of one byte more than it may have.
;; must: manifest
;; says: use 1 to 64

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 65))
(drop (call $manifest))
(call $set (i32.const 16) (i32.const 131072) (i32.const 65))
(i32.const 16)
