;; Proposes a million things: 84 megabytes from a memory of 16 are out of bounds, so that all are the same page.
;; must: evaluate bad-output
;; says: out of bounds

;;= memory
(memory (export "memory") 200)

;;= evaluate
(call $set (i32.const 516) (i32.const 65536) (i32.const 1000000))
(i32.const 512)
