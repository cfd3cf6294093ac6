;; Reads the clock of WASI preview 1 without end. Our shim of it calls nobody: it burns the guest's own fuel.
;; must: evaluate out-of-fuel
;; says: used up its fuel of 20000000

;;= memory
(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
(memory (export "memory") 1)

;;= evaluate
(loop (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 2048))) (br 0)) (unreachable)
