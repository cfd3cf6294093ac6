;; Gives a reason of one byte more than it may.
;; must: evaluate bad-output
;; says: a reason is 2049 bytes long, allowed are 2048

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2049))
(call $set (i32.const 644) (i32.const 131072) (i32.const 2049))
(call $scale (i32.const 5))
