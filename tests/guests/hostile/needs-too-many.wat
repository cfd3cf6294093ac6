;; Needs one fact more than it may.
;; must: needs wrong
;; says: 257 needs, allowed are 256

;;= memory
(memory (export "memory") 64)

;;= needs
(local $at i32)
(local.set $at (i32.const 131072))
(loop
  (call $set (local.get $at) (i32.const 1072) (i32.const 7))
  (call $set (i32.add (local.get $at) (i32.const 8)) (i32.const 1080) (i32.const 4))
  (local.set $at (i32.add (local.get $at) (i32.const 64)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 147520))))
(call $set (i32.const 388) (i32.const 131072) (i32.const 257))
(i32.const 384)
