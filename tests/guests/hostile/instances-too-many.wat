;; Names one instance more in a proposal than it may.
;; must: evaluate bad-output
;; says: 4097 instances of a proposal, allowed are 4096

;;= memory
(memory (export "memory") 64)

;;= evaluate
(call $set (i32.const 608) (i32.const 131072) (i32.const 4097))
(call $propose (i32.const 1048) (i32.const 7))
