;; Notes the same 64 KiB 8,192 times: nothing for the guest, half a gigabyte for whoever copies it.
;; must: evaluate boundary-budget
;; says: 1048576 bytes in one call

;;= memory
(memory (export "memory") 64)

;;= evaluate
(local $at i32)
(local.set $at (i32.const 131072))
(loop
  (call $set (local.get $at) (i32.const 65536) (i32.const 65536))
  (local.set $at (i32.add (local.get $at) (i32.const 8)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 196608))))
(call $set (i32.const 552) (i32.const 131072) (i32.const 8192))
(i32.const 512)
