;; Restarts an instance that the operator protects.
;; must: restrained by protected
;; says: restart of web-4 is not done: the instance is protected

;;= evaluate
(call $set (i32.const 608) (i32.const 2048) (i32.const 1))
(call $set (i32.const 2048) (i32.const 1104) (i32.const 5))
(call $propose (i32.const 1048) (i32.const 7))
