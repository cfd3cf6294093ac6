;; Restarts 35,840 instances that do not exist, each of another name: every one is a "no" to be told, and no two are the
;; same.
;; must: restrained by instance-unknown, instances-unknown
;; says: 33 restraints

;;= memory
(memory (export "memory") 64)

;;= evaluate
;; 64 proposals of 560 names each, every name another three letters.
(local $name i32) (local $at i32) (local $number i32)
(local.set $name (i32.const 131072))
(local.set $at (i32.const 262144))
(loop
  (i32.store8 (local.get $name) (i32.add (i32.const 33) (i32.rem_u (local.get $number) (i32.const 90))))
  (i32.store8 offset=1 (local.get $name) (i32.add (i32.const 33) (i32.rem_u (i32.div_u (local.get $number) (i32.const 90)) (i32.const 90))))
  (i32.store8 offset=2 (local.get $name) (i32.add (i32.const 33) (i32.div_u (local.get $number) (i32.const 8100))))
  (call $set (local.get $at) (local.get $name) (i32.const 3))
  (local.set $name (i32.add (local.get $name) (i32.const 3)))
  (local.set $at (i32.add (local.get $at) (i32.const 8)))
  (br_if 0 (i32.lt_u (local.tee $number (i32.add (local.get $number) (i32.const 1))) (i32.const 35840))))
(local.set $number (i32.const 0))
(loop
  (local.set $at (i32.add (i32.const 1048576) (i32.mul (local.get $number) (i32.const 84))))
  (call $set (local.get $at) (i32.const 1048) (i32.const 7))
  (call $set (i32.add (local.get $at) (i32.const 32))
    (i32.add (i32.const 262144) (i32.mul (local.get $number) (i32.const 4480))) (i32.const 560))

  (br_if 0 (i32.lt_u (local.tee $number (i32.add (local.get $number) (i32.const 1))) (i32.const 64))))
(call $set (i32.const 516) (i32.const 1048576) (i32.const 64))
(i32.const 512)
