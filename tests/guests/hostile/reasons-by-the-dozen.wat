;; Gives twenty reasons of two thousand bytes for what it wants: a decision has room for a thousand.
;; must: decides 5
;; says: for a reason of 1000 bytes

;;= memory
(memory (export "memory") 64)

;;= evaluate
(local $at i32)
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 2048))
(local.set $at (i32.const 196608))
(loop
  (call $set (local.get $at) (i32.const 1032) (i32.const 5))
  (i32.store8 (i32.add (local.get $at) (i32.const 8)) (i32.const 1))
  (i32.store (i32.add (local.get $at) (i32.const 12)) (i32.const 5))
  (call $set (i32.add (local.get $at) (i32.const 68)) (i32.const 131072) (i32.const 2048))
  (local.set $at (i32.add (local.get $at) (i32.const 84)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 198288))))
(call $set (i32.const 516) (i32.const 196608) (i32.const 20))
(i32.const 512)
