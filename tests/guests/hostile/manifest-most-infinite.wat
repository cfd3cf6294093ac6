;; Bounds a parameter by infinity.
;; must: manifest
;; says: its range has inf as a bound

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(i32.store8 (i32.const 16440) (i32.const 1))
(f64.store (i32.const 16448) (f64.const inf))
(i32.const 16)
