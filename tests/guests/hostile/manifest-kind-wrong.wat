;; Declares a kind of change that is no word.
;; must: manifest
;; says: a kind of proposal is "a reason"

;;= describe
(drop (call $manifest))
(call $set (i32.const 1200) (i32.const 1144) (i32.const 8))
(i32.const 16)
