;; Asks for a change of no kind.
;; must: evaluate bad-output
;; says: a proposal has no kind

;;= evaluate
(call $propose (i32.const 1032) (i32.const 0))
