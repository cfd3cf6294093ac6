;; Needs a reading named by bytes that are no UTF-8.
;; must: needs bad-output
;; says: utf-8

;;= needs
(drop (call $needs_load))
(i32.store8 (i32.const 2048) (i32.const 255))
(call $set (i32.const 424) (i32.const 2048) (i32.const 1))
(i32.const 384)
