;; Is a component of two hundred core instances and its own.
;; must: load incompatible
;; says: core module instances, which exceeds the configured maximum of 128
;; instances: 200 (module)
