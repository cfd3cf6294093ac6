;; Names one value more in its answer than it may.
;; must: evaluate bad-output
;; says: 65 attrs, allowed are 64

;;= memory
(memory (export "memory") 64)

;;= evaluate
(call $set (i32.const 560) (i32.const 131072) (i32.const 65))
(i32.const 512)
