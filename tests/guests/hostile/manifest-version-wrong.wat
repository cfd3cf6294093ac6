;; Has a version that is none.
;; must: manifest
;; says: version "load" is not a semantic version

;;= describe
(drop (call $manifest))
(call $set (i32.const 24) (i32.const 1080) (i32.const 4))
(i32.const 16)
