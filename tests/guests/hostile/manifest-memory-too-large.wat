;; Wants to keep one byte more than it may.
;; must: manifest
;; says: it wants 65537 bytes of memory, allowed are 65536

;;= describe
(drop (call $manifest))
(i32.store (i32.const 56) (i32.const 65537))
(i32.const 16)
