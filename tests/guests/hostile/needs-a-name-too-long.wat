;; Needs a reading named by one byte more than it may be.
;; must: needs wrong
;; says: is too long

;;= memory
(memory (export "memory") 64)

;;= needs
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 254))
(drop (call $needs_load))
(call $set (i32.const 424) (i32.const 131072) (i32.const 254))
(i32.const 384)
