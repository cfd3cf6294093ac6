;; Puts two changes into group 4294967295, one of which cannot be done: neither is.
;; must: restrained by group-dropped, instance-unknown
;; says: group 4294967295

;;= evaluate
(drop (call $scale (i32.const 5)))
(i32.store (i32.const 640) (i32.const -1))
(call $set (i32.const 660) (i32.const 1048) (i32.const 7))
(call $set (i32.const 692) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 1080) (i32.const 4))
(i32.store (i32.const 724) (i32.const -1))
(call $set (i32.const 516) (i32.const 576) (i32.const 2))
(i32.const 512)
