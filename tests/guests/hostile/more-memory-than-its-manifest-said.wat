;; Says in its manifest that it keeps nothing, and keeps a byte.
;; must: evaluate bad-output
;; says: 1 bytes of memory, allowed are 0

;;= describe
(drop (call $manifest))
(i32.store (i32.const 56) (i32.const 0))
(i32.const 16)

;;= evaluate
(i32.store8 (i32.const 540) (i32.const 1))
(call $set (i32.const 544) (i32.const 2048) (i32.const 1))
(i32.const 512)
