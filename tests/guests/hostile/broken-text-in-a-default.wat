;; Gives a parameter a default of bytes that are no UTF-8.
;; must: describe bad-output
;; says: utf-8

;;= describe
(call $parameters (i32.const 1128) (i32.const 4) (i32.const 1))
(i32.store8 (i32.const 2048) (i32.const 255))
(i32.store8 (i32.const 16400) (i32.const 4))
(call $set (i32.const 16408) (i32.const 2048) (i32.const 1))
(i32.const 16)
