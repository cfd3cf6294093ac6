;; Divides by zero.
;; must: evaluate trap
;; says: integer divide by zero
;; says: divide_by_nothing

;;= fields
(func $divide_by_nothing (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))

;;= evaluate
(call $divide_by_nothing (i32.const 0))
