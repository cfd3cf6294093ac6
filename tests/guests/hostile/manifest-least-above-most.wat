;; Bounds a parameter by a range that holds nothing.
;; must: manifest
;; says: its least value 2 is greater than its greatest 1

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(i32.store8 (i32.const 16424) (i32.const 1))
(f64.store (i32.const 16432) (f64.const 2))
(i32.store8 (i32.const 16440) (i32.const 1))
(f64.store (i32.const 16448) (f64.const 1))
(i32.const 16)
