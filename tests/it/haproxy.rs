//! The registrar and the source `haproxy` against the real HAProxy.
//!
//! The program is the one that `TRIMTAB_TEST_HAPROXY` names, else `haproxy` on the path or beside it (Debian: package `haproxy`).

mod registrar;
mod rig;
mod source;
