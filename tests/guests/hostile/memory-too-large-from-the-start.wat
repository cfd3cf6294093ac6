;; Begins with more memory than it may have.
;; must: load incompatible
;; says: 19660800 bytes of memory, and may have 16777216

;;= memory
(memory (export "memory") 300)
