;; Wants to keep 4294967295 bytes.
;; must: manifest
;; says: it wants 4294967295 bytes of memory, allowed are 65536

;;= describe
(drop (call $manifest))
(i32.store (i32.const 56) (i32.const -1))
(i32.const 16)
