;; Declines in bytes that are no UTF-8.
;; must: evaluate bad-output
;; says: utf-8

;;= evaluate
(i32.store8 (i32.const 2048) (i32.const 255))
(i32.store8 (i32.const 512) (i32.const 1))
(call $set (i32.const 524) (i32.const 2048) (i32.const 1))
(i32.const 512)
