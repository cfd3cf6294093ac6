;; Asks the host for a random number without end.
;; must: evaluate boundary-budget
;; says: more than 1000 calls to the host
;; world: wasi

;;= memory
(import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
(memory (export "memory") 1)

;;= evaluate
(loop (drop (call $random)) (br 0)) (unreachable)
