;; Asks for a kind of change that is a word of one byte more than it may have.
;; must: evaluate bad-output
;; says: the kind of a proposal is 65 bytes long, allowed are 64

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 65))
(call $propose (i32.const 131072) (i32.const 65))
