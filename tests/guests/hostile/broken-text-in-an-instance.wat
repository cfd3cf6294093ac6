;; Names an instance by a text that ends in the middle of a letter.
;; must: evaluate bad-output
;; says: utf-8

;;= evaluate
(i32.store8 (i32.const 2048) (i32.const 0xc3))
(call $set (i32.const 608) (i32.const 2056) (i32.const 1))
(call $set (i32.const 2056) (i32.const 2048) (i32.const 1))
(call $propose (i32.const 1048) (i32.const 7))
