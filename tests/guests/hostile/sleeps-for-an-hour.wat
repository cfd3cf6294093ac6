;; Sleeps for an hour, as it thinks: every wait is over at once.
;; must: answers
;; world: wasi

;;= memory
(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
(memory (export "memory") 1)

;;= evaluate
(call $block (call $subscribe (i64.const 3600000000000))) (i32.const 512)
