;; Keeps one byte more than its manifest says.
;; must: evaluate bad-output
;; says: 65 bytes of memory, allowed are 64

;;= evaluate
(i32.store8 (i32.const 540) (i32.const 1))
(call $set (i32.const 544) (i32.const 2048) (i32.const 65))
(i32.const 512)
