;; Gives a parameter a default of JSON that is one byte too long.
;; must: manifest
;; says: its default is 65537 bytes long, allowed are 65536

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 91) (i32.const 65537))
(call $parameters (i32.const 1136) (i32.const 4) (i32.const 1))
(i32.store8 (i32.const 16400) (i32.const 11))
(call $set (i32.const 16408) (i32.const 131072) (i32.const 65537))
(i32.const 16)
