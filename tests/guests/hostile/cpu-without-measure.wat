;; Wishes for 18446744073709551615 thousandths of a core.
;; must: restrained by absurd
;; says: taken seriously is 10000000

;;= evaluate
(call $set (i32.const 616) (i32.const 920) (i32.const 1))
(i32.store8 (i32.const 928) (i32.const 1))
(i64.store (i32.const 936) (i64.const -1))
(call $propose (i32.const 1040) (i32.const 6))
