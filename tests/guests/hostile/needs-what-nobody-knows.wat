;; Needs a kind of fact that this host does not know.
;; must: needs unknown-kind
;; says: the policy needs "load"

;;= needs
(drop (call $needs_load))
(call $set (i32.const 416) (i32.const 1080) (i32.const 4))
(i32.const 384)
