;; Begins with more tables than a component may have.
;; must: load incompatible
;; says: tables, which exceeds the configured maximum of 8
;; instances: 9 (module (table 1 funcref))
