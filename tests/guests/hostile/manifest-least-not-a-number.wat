;; Bounds a parameter by what is not a number.
;; must: manifest
;; says: its range has NaN as a bound

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(i32.store8 (i32.const 16424) (i32.const 1))
(f64.store (i32.const 16432) (f64.const nan))
(i32.const 16)
