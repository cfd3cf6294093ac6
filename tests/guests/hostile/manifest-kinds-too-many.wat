;; Declares one kind of change more than it may.
;; must: manifest
;; says: 33 kinds of proposal, allowed are 32

;;= describe
(drop (call $manifest))
(call $set (i32.const 48) (i32.const 16384) (i32.const 33))
(i32.const 16)
