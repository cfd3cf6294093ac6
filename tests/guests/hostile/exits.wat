;; Ends the program, as it thinks.
;; must: evaluate trap
;; says: it ended itself
;; world: wasi

;;= memory
(import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
(memory (export "memory") 1)

;;= evaluate
(call $exit (i32.const 0)) (i32.const 512)
