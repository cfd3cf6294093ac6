;; Loops for ever when it is asked for an answer.
;; must: evaluate out-of-fuel
;; says: used up its fuel of 20000000

;;= evaluate
(loop (br 0)) (unreachable)
