;; Begins with a larger table than it may have.
;; must: load incompatible
;; says: a table of 10001 elements, and may have 10000

;;= fields
(table 10001 funcref)
