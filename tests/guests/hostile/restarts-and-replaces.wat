;; Restarts and replaces the same instance 32,000 times by turns, in groups that fall one by one: neither is done, and
;; that is told once.
;; must: restrained by actions-conflict, group-dropped
;; says: restart and replace of web-1 were both asked for

;;= memory
(memory (export "memory") 64)

;;= evaluate
(local $at i32)
(local.set $at (i32.const 131072))
(loop
  (call $set (local.get $at) (i32.const 1096) (i32.const 5))
  (local.set $at (i32.add (local.get $at) (i32.const 8)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 135072))))
(local.set $at (i32.const 196608))
(loop
  (call $set (local.get $at) (i32.const 1048) (i32.const 7))
  (call $set (i32.add (local.get $at) (i32.const 32)) (i32.const 131072) (i32.const 500))
  (i32.store (i32.add (local.get $at) (i32.const 64)) (local.get $at))
  (call $set (i32.add (local.get $at) (i32.const 84)) (i32.const 1056) (i32.const 7))
  (call $set (i32.add (local.get $at) (i32.const 116)) (i32.const 131072) (i32.const 500))
  (i32.store (i32.add (local.get $at) (i32.const 148)) (local.get $at))
  (local.set $at (i32.add (local.get $at) (i32.const 168)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 201984))))
(call $set (i32.const 516) (i32.const 196608) (i32.const 64))
(i32.const 512)
