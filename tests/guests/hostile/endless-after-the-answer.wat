;; Loops for ever when the host tells it that its answer was read (post-return).
;; must: evaluate out-of-fuel
;; says: used up its fuel of 20000000

;;= after
(loop (br 0))
