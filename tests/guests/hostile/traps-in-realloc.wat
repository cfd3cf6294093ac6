;; Traps when the host asks it for room.
;; must: needs trap

;;= realloc
(unreachable)
