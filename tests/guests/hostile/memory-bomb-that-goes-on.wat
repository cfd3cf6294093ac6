;; Grows its memory until it is denied, touches every page of it, and answers as if nothing had been.
;; must: answers
;; times: 50

;;= evaluate
(local $at i32)
(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))
(local.set $at (i32.const 65536))
(loop
  (i32.store (local.get $at) (i32.const -1))
  (local.set $at (i32.add (local.get $at) (i32.const 4096)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
(i32.const 512)
