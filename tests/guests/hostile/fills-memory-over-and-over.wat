;; Fills its whole memory twenty thousand times. Each fill is one instruction, which nothing interrupts.
;; must: evaluate timeout
;; says: deadline of 10ms
;; with: fuel=1000000000000 deadline_ms=10

;;= memory
(memory (export "memory") 128)

;;= evaluate
(local $left i32)
(local.set $left (i32.const 20000))
(loop
  (memory.fill (i32.const 65536) (i32.const 170) (i32.const 8000000))
  (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
(i32.const 512)
