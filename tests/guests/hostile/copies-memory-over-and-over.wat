;; Copies half of its memory onto the other half twenty thousand times: fuel counts the bytes, not the instructions.
;; must: evaluate out-of-fuel
;; says: used up its fuel of 20000000

;;= memory
(memory (export "memory") 128)

;;= evaluate
(local $left i32)
(local.set $left (i32.const 20000))
(loop
  (memory.copy (i32.const 4194304) (i32.const 65536) (i32.const 4000000))
  (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
(i32.const 512)
