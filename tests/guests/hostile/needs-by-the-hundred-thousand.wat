;; Needs a hundred thousand facts.
;; must: needs boundary-budget

;;= memory
(memory (export "memory") 200)

;;= needs
(call $set (i32.const 388) (i32.const 65536) (i32.const 100000))
(i32.const 384)
