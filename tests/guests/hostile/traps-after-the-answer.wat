;; Answers, and traps when the host tells it that its answer was read (post-return): that is no answer.
;; must: evaluate trap

;;= evaluate
(call $scale (i32.const 7))

;;= after
(unreachable)
