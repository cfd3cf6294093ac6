;; Answers from an address that no record can have.
;; must: evaluate bad-output
;; says: not aligned

;;= evaluate
(i32.const 513)
