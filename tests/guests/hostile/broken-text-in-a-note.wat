;; Notes bytes that are no UTF-8: a slash written in two bytes.
;; must: evaluate bad-output
;; says: utf-8

;;= evaluate
(i32.store (i32.const 2048) (i32.const 0xafc0))
(call $set (i32.const 552) (i32.const 2056) (i32.const 1))
(call $set (i32.const 2056) (i32.const 2048) (i32.const 2))
(i32.const 512)
