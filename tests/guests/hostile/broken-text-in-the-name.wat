;; Is named by bytes that are no UTF-8.
;; must: describe bad-output
;; says: utf-8

;;= describe
(drop (call $manifest))
(i32.store8 (i32.const 2048) (i32.const 255))
(call $set (i32.const 16) (i32.const 2048) (i32.const 1))
(i32.const 16)
