;; Traps before it is asked anything.
;; must: describe trap

;;= fields
(func $begin (unreachable))
(start $begin)
