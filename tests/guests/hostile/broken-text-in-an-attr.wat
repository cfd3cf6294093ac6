;; Gives a named text of bytes that are no UTF-8.
;; must: evaluate bad-output
;; says: utf-8

;;= evaluate
(call $set (i32.const 560) (i32.const 2048) (i32.const 1))
(i32.store8 (i32.const 2304) (i32.const 255))
(i32.store8 (i32.const 2056) (i32.const 2))
(call $set (i32.const 2064) (i32.const 2304) (i32.const 1))
(i32.const 512)
