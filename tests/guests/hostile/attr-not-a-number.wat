;; Gives a named measurement that is not a number.
;; must: evaluate bad-output
;; says: the attr "load" is NaN

;;= evaluate
(call $set (i32.const 560) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 1080) (i32.const 4))
(i32.store8 (i32.const 2056) (i32.const 1))
(f64.store (i32.const 2064) (f64.const nan))
(i32.const 512)
