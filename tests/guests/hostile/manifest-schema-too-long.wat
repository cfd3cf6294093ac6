;; Gives a parameter a schema of one byte more than it may have.
;; must: manifest
;; says: its schema is 65537 bytes long, allowed are 65536

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 91) (i32.const 65537))
(call $parameters (i32.const 1136) (i32.const 4) (i32.const 1))
(call $set (i32.const 16464) (i32.const 131072) (i32.const 65537))
(i32.const 16)
