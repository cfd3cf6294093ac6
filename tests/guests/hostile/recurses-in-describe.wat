;; Calls itself without end when it is asked what it is.
;; must: describe stack-overflow

;;= describe
(call $describe)
