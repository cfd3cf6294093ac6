;; Asks for a size with a name of one byte more than it may have.
;; must: evaluate bad-output
;; says: a size class is 254 bytes long, allowed are 253

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 254))
(call $set (i32.const 624) (i32.const 131072) (i32.const 254))
(call $scale (i32.const 5))
