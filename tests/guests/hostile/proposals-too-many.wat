;; Proposes one thing more than it may.
;; must: evaluate bad-output
;; says: 65 proposals, allowed are 64

;;= evaluate
(local $at i32)
(local.set $at (i32.const 16384))
(loop
  (call $set (local.get $at) (i32.const 1152) (i32.const 4))
  (local.set $at (i32.add (local.get $at) (i32.const 84)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 21844))))
(call $set (i32.const 516) (i32.const 16384) (i32.const 65))
(i32.const 512)
