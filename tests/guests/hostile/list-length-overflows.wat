;; Proposes a list of so many that its length in bytes comes round to something small.
;; must: evaluate bad-output
;; says: overflow|out-of-bounds|out of bounds

;;= evaluate
(call $set (i32.const 516) (i32.const 16384) (i32.const 51130564))
(i32.const 512)
