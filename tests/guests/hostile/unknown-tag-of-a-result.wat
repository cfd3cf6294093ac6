;; Says neither what it needs nor that it declines.
;; must: needs bad-output
;; says: discriminant

;;= needs
(i32.store8 (i32.const 384) (i32.const 255))
(i32.const 384)
