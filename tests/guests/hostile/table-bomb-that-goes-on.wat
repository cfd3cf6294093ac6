;; Grows its table until it is denied, and answers as if nothing had been.
;; must: answers

;;= fields
(table $t 1 funcref)

;;= evaluate
(loop (br_if 0 (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 512))))) (i32.const 512)
