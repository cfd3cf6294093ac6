;; Puts 64 proposals into 64 groups, none of which can be done: when sixteen have fallen, all have.
;; must: restrained by group-dropped, instance-unknown, instances-unknown
;; says: 19 restraints

;;= memory
(memory (export "memory") 64)

;;= evaluate
(local $at i32)
(call $set (i32.const 2048) (i32.const 1080) (i32.const 4))
(local.set $at (i32.const 131072))
(loop
  (call $set (local.get $at) (i32.const 1048) (i32.const 7))
  (call $set (i32.add (local.get $at) (i32.const 32)) (i32.const 2048) (i32.const 1))
  (i32.store (i32.add (local.get $at) (i32.const 64)) (local.get $at))
  (local.set $at (i32.add (local.get $at) (i32.const 84)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 136448))))
(call $set (i32.const 516) (i32.const 131072) (i32.const 64))
(i32.const 512)
