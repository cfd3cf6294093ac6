;; Grows its memory until it is denied, then traps.
;; must: evaluate out-of-memory
;; says: linear memory in bytes, limit 16777216

;;= evaluate
(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 16))))) (unreachable)
