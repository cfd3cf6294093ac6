;; Gives the host room that is not there.
;; must: needs bad-output

;;= realloc
(i32.const -65536)
