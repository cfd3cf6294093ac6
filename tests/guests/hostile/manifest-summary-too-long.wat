;; Says of itself one byte more than it may.
;; must: manifest
;; says: the summary is 2049 bytes long, allowed are 2048

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2049))
(drop (call $manifest))
(call $set (i32.const 32) (i32.const 131072) (i32.const 2049))
(i32.const 16)
