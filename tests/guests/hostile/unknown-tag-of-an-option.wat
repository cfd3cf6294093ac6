;; Gives a count that is neither there nor not there.
;; must: evaluate bad-output
;; says: discriminant

;;= evaluate
(i32.store8 (i32.const 584) (i32.const 2))
(call $propose (i32.const 1032) (i32.const 5))
