;; Gives a parameter a schema that refers to a file of the host.
;; must: manifest
;; says: uses "$ref", which this host does not check

;;= fields
(data (i32.const 20480) "{\"$ref\": \"file:///etc/passwd\"}")

;;= describe
(call $parameters (i32.const 1136) (i32.const 4) (i32.const 1))
(call $set (i32.const 16464) (i32.const 20480) (i32.const 30))
(i32.const 16)
