;; Gives a text a default of one byte more than it may have.
;; must: manifest
;; says: its default is 65537 bytes long, allowed are 65536

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 65537))
(call $parameters (i32.const 1128) (i32.const 4) (i32.const 1))
(i32.store8 (i32.const 16400) (i32.const 4))
(call $set (i32.const 16408) (i32.const 131072) (i32.const 65537))
(i32.const 16)
