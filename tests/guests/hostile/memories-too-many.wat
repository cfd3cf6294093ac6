;; Begins with more memories than a component may have.
;; must: load incompatible
;; says: 6 Wasm linear memories, which exceeds the configured maximum of 4
;; instances: 5 (module (memory 1))
