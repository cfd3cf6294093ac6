;; Begins with more memory than any tier has.
;; must: load incompatible
;; says: it has more than one instance may have

;;= memory
(memory (export "memory") 5000)
