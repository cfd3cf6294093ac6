;; Is named in upper-case letters and a slash.
;; must: manifest
;; says: the policy's name is "../EVIL"

;;= fields
(data (i32.const 2048) "../EVIL")

;;= describe
(drop (call $manifest))
(call $set (i32.const 16) (i32.const 2048) (i32.const 7))
(i32.const 16)
