;; Gives a parameter whose least is zero a default of minus zero, which is a number like others.
;; must: answers

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(i32.store8 (i32.const 16400) (i32.const 3))
(f64.store (i32.const 16408) (f64.const -0))
(i32.store8 (i32.const 16424) (i32.const 1))
(i32.const 16)
