;; Loops for ever when the host asks it for room for what it is asked.
;; must: needs out-of-fuel
;; says: used up its fuel of 20000000

;;= realloc
(loop (br 0)) (unreachable)
