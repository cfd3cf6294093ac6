;; Prints a line without end.
;; must: evaluate boundary-budget
;; says: more than 1000 calls to the host
;; world: wasi

;;= memory
(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
(memory (export "memory") 1)

;;= evaluate
(local $out i32)
(local.set $out (call $stdout))
(loop (call $write (local.get $out) (i32.const 1144) (i32.const 8) (i32.const 2048)) (br 0)) (unreachable)
