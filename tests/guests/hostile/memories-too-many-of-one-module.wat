;; Begins with two memories in one module.
;; must: load incompatible
;; says: it has more than one instance may have

;;= memory
(memory (export "memory") 1)
(memory 1)
