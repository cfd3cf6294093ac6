;; Gives a named text of one byte more than it may have.
;; must: evaluate bad-output
;; says: an attr is 2049 bytes long, allowed are 2048

;;= memory
(memory (export "memory") 64)

;;= evaluate
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2049))
(call $set (i32.const 560) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 1080) (i32.const 4))
(i32.store8 (i32.const 2056) (i32.const 2))
(call $set (i32.const 2064) (i32.const 131072) (i32.const 2049))
(i32.const 512)
