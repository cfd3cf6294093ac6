;; Begins with more tables than a component may have.
;; must: load incompatible
;; says: it has more than one instance may have
;; instances: 9 (module (table 1 funcref))
