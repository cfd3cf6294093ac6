;; Begins with three tables of three instances, each within what one may have: they count together.
;; must: describe out-of-memory
;; says: table elements, limit 10000
;; instances: 3 (module (table 4000 funcref))
