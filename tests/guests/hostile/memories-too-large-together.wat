;; Begins with three memories of three instances, each within what one may have: they count together.
;; must: describe out-of-memory
;; says: linear memory in bytes, limit 16777216
;; instances: 2 (module (memory 200))
