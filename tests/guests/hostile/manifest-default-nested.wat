;; Gives a parameter a default of sixty thousand brackets, one in another.
;; must: manifest
;; says: recursion limit exceeded

;;= memory
(memory (export "memory") 64)

;;= describe
(memory.fill (i32.const 131072) (i32.const 91) (i32.const 60000))
(call $parameters (i32.const 1136) (i32.const 4) (i32.const 1))
(i32.store8 (i32.const 16400) (i32.const 11))
(call $set (i32.const 16408) (i32.const 131072) (i32.const 60000))
(i32.const 16)
