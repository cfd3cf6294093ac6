;; Gives a parameter a choice of one byte more than it may have.
;; must: manifest
;; says: a choice is 2049 bytes long, allowed are 2048

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2049))
(call $parameters (i32.const 1128) (i32.const 4) (i32.const 1))
(call $set (i32.const 16456) (i32.const 20480) (i32.const 1))
(call $set (i32.const 20480) (i32.const 131072) (i32.const 2049))
(i32.const 16)
