;; Gives a parameter a default that its own range forbids.
;; must: manifest
;; says: its default is 7

;;= describe
(call $parameters (i32.const 1120) (i32.const 3) (i32.const 1))
(i32.store8 (i32.const 16400) (i32.const 3))
(f64.store (i32.const 16408) (f64.const 7))
(i32.store8 (i32.const 16440) (i32.const 1))
(f64.store (i32.const 16448) (f64.const 5))
(i32.const 16)
