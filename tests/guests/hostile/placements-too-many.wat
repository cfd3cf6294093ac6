;; Names one place more than it may.
;; must: evaluate bad-output
;; says: 257 placements of a proposal, allowed are 256

;;= memory
(memory (export "memory") 64)

;;= evaluate
(call $set (i32.const 632) (i32.const 131072) (i32.const 257))
(call $scale (i32.const 5))
