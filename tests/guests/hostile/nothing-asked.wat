;; Asks to restart nothing.
;; must: restrained by nothing-asked

;;= evaluate
(call $propose (i32.const 1048) (i32.const 7))
