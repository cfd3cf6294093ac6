;; Answers from behind the end of its memory.
;; must: evaluate bad-output
;; says: out-of-bounds|out of bounds

;;= evaluate
(i32.const 65528)
