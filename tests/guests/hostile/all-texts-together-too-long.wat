;; Keeps each text within its limit, and all of them together beyond what an answer may have.
;; must: evaluate bad-output
;; says: all texts together are longer than output_bytes_max

;;= memory
(memory (export "memory") 64)

;;= evaluate
;; 64 proposals, each with 25 names of 253 bytes.
(local $at i32)
(memory.fill (i32.const 131072) (i32.const 97) (i32.const 253))
(local.set $at (i32.const 196608))
(loop
  (call $set (local.get $at) (i32.const 131072) (i32.const 253))
  (local.set $at (i32.add (local.get $at) (i32.const 8)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 196808))))
(local.set $at (i32.const 262144))
(loop
  (call $set (local.get $at) (i32.const 1048) (i32.const 7))
  (call $set (i32.add (local.get $at) (i32.const 32)) (i32.const 196608) (i32.const 25))
  (local.set $at (i32.add (local.get $at) (i32.const 84)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 267520))))
(call $set (i32.const 516) (i32.const 262144) (i32.const 64))
(i32.const 512)
