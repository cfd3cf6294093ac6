;; Begins with more memories than a component may have.
;; must: load incompatible
;; says: it has more than one instance may have
;; instances: 5 (module (memory 1))
