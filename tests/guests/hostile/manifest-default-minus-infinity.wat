;; Gives a parameter an infinite default.
;; must: manifest
;; says: its default is -inf

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(i32.store8 (i32.const 16400) (i32.const 3))
(f64.store (i32.const 16408) (f64.const -inf))
(i32.const 16)
