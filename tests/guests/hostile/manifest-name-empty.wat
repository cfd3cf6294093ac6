;; Has no name.
;; must: manifest
;; says: the policy's name

;;= describe
(drop (call $manifest))
(call $set (i32.const 16) (i32.const 2048) (i32.const 0))
(i32.const 16)
