;; Gives the host the same room each time, over its own texts. What it breaks is its own.
;; must: answers

;;= realloc
(i32.const 1024)
