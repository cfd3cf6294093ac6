;; Restarts the same instance a hundred thousand times.
;; must: evaluate boundary-budget

;;= memory
(memory (export "memory") 64)

;;= evaluate
(local $at i32)
(local.set $at (i32.const 131072))
(loop
  (call $set (local.get $at) (i32.const 1096) (i32.const 5))
  (local.set $at (i32.add (local.get $at) (i32.const 8)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 931072))))
(call $set (i32.const 608) (i32.const 131072) (i32.const 100000))
(call $propose (i32.const 1048) (i32.const 7))
