;; Calls itself without end through a table, so that no compiler sees it coming.
;; must: evaluate stack-overflow

;;= fields
(type $asked (func (param i32) (result i32)))
(table 1 1 funcref)
(elem (i32.const 0) $evaluate)

;;= evaluate
(call_indirect (type $asked) (local.get $snapshot) (i32.const 0))
