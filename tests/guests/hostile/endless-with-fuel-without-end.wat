;; Loops for ever where the operator gave it fuel without measure: the clock ends it.
;; must: evaluate timeout
;; says: ran past its deadline of 10ms
;; with: fuel=5000000000 deadline_ms=10

;;= evaluate
(loop (br 0)) (unreachable)
