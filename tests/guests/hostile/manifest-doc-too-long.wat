;; Explains a parameter in one byte more than it may.
;; must: manifest
;; says: its doc is 2049 bytes long, allowed are 2048

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2049))
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(call $set (i32.const 16472) (i32.const 131072) (i32.const 2049))
(i32.const 16)
