#pragma once

// Forgets everything that malloc handed out.
void arena_reset(void);
