;; Loops for ever before it is asked anything: in the start function of its module.
;; must: describe out-of-fuel
;; says: used up its fuel of 20000000

;;= fields
(func $begin (loop (br 0)))
(start $begin)
