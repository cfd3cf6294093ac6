;; Gives the host room at an address that no record can have.
;; must: needs bad-output

;;= realloc
(i32.const 49153)
