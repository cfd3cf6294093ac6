;; Needs one fact more each time it is asked, as far as it can: it counts in its memory.
;; must: answers

;;= fields
(global $asked (mut i32) (i32.const 0))

;;= needs
(global.set $asked (i32.add (global.get $asked) (i32.const 1)))
(drop (call $needs_load))
(call $set (i32.const 388) (i32.const 416) (global.get $asked))
(i32.const 384)
