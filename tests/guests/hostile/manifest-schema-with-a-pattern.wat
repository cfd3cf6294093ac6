;; Gives a parameter a schema with a pattern that some engines never come to an end of.
;; must: manifest
;; says: uses "pattern", which this host does not check

;;= fields
(data (i32.const 20480) "{\"pattern\": \"(a+)+$\"}")

;;= describe
(call $parameters (i32.const 1136) (i32.const 4) (i32.const 1))
(call $set (i32.const 16464) (i32.const 20480) (i32.const 21))
(i32.const 16)
