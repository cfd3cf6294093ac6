;; Restarts an instance of another target, whose name it guessed.
;; must: restrained by instance-unknown
;; says: restart of db-1, which is not in this snapshot

;;= fields
(data (i32.const 2056) "db-1")

;;= evaluate
(call $set (i32.const 608) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 2056) (i32.const 4))
(call $propose (i32.const 1048) (i32.const 7))
