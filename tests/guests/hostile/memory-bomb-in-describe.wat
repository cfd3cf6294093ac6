;; Grows its memory until it is denied when it is asked what it is, then traps.
;; must: describe out-of-memory

;;= describe
(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 16))))) (unreachable)
