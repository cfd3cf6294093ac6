;; Gives a parameter one choice more than it may.
;; must: manifest
;; says: 129 choices, allowed are 128

;;= describe
(call $parameters (i32.const 1128) (i32.const 4) (i32.const 1))
(call $set (i32.const 16456) (i32.const 20480) (i32.const 129))
(i32.const 16)
