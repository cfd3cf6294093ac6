;; Resizes one container more than it may.
;; must: evaluate bad-output
;; says: 65 containers of a proposal, allowed are 64

;;= memory
(memory (export "memory") 64)

;;= evaluate
(call $set (i32.const 616) (i32.const 131072) (i32.const 65))
(call $propose (i32.const 1040) (i32.const 6))
