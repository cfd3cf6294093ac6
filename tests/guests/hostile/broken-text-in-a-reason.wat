;; Gives a reason of bytes that are no UTF-8: a surrogate, which some decoders let through.
;; must: evaluate bad-output
;; says: utf-8

;;= evaluate
(i32.store (i32.const 2048) (i32.const 0x80a0ed))
(call $set (i32.const 644) (i32.const 2048) (i32.const 3))
(call $scale (i32.const 5))
