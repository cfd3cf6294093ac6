;; Asks for memory that it may not have, over and over: each question costs the host more than the guest.
;; must: evaluate timeout
;; says: deadline of 10ms
;; with: fuel=5000000000 deadline_ms=10

;;= evaluate
(loop (drop (memory.grow (i32.const 30000))) (br 0)) (unreachable)
