;; Loops for ever when it is asked what it is.
;; must: describe out-of-fuel
;; says: used up its fuel of 20000000

;;= describe
(loop (br 0)) (unreachable)
