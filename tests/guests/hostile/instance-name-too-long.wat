;; Names an instance by a text of one byte more than it may have.
;; must: evaluate bad-output
;; says: a name in a proposal is 254 bytes long, allowed are 253

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 254))
(call $set (i32.const 608) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 131072) (i32.const 254))
(call $propose (i32.const 1048) (i32.const 7))
