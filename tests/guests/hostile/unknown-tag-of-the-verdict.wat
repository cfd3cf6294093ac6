;; Answers neither with proposals nor with a refusal, but with a third thing.
;; must: evaluate bad-output
;; says: discriminant

;;= evaluate
(i32.store8 (i32.const 512) (i32.const 2))
(i32.const 512)
