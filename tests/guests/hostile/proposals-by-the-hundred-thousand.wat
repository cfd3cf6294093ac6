;; Proposes a hundred thousand things, as many as its memory holds.
;; must: evaluate boundary-budget

;;= memory
(memory (export "memory") 200)

;;= evaluate
(call $set (i32.const 516) (i32.const 65536) (i32.const 100000))
(i32.const 512)
