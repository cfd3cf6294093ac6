;; Calls itself without end.
;; must: evaluate stack-overflow
;; says: overflowed its stack

;;= evaluate
(call $evaluate (local.get $snapshot))
