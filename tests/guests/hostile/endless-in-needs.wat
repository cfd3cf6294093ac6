;; Loops for ever when it is asked what it needs.
;; must: needs out-of-fuel
;; says: used up its fuel of 20000000

;;= needs
(loop (br 0)) (unreachable)
