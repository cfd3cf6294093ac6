;; Grows its table until it is denied, then traps.
;; must: evaluate out-of-memory
;; says: table elements, limit 10000

;;= fields
(table $t 1 funcref)

;;= evaluate
(loop (br_if 0 (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 512))))) (unreachable)
