;; Asks the host for a gigabyte of random bytes at once.
;; must: evaluate boundary-budget
;; says: 1073741824 random bytes in one call
;; world: wasi

;;= memory
(import "wasi:random/random@0.2.3" "get-random-bytes" (func $random (param i64 i32)))
(memory (export "memory") 1)

;;= evaluate
(call $random (i64.const 1073741824) (i32.const 2048)) (i32.const 512)
