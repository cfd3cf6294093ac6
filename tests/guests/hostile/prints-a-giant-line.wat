;; Prints two megabytes at once.
;; must: evaluate boundary-budget
;; says: 1048576 bytes in one call
;; world: wasi

;;= memory
(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
(memory (export "memory") 64)

;;= evaluate
(call $write (call $stdout) (i32.const 131072) (i32.const 2097152) (i32.const 2048)) (i32.const 512)
