;; Says what it is from behind the end of its memory.
;; must: describe bad-output
;; says: out-of-bounds|out of bounds

;;= describe
(i32.const -8)
