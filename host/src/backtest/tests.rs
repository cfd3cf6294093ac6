//! The room's rules: traces, the plant by hand-computed cases, readings, and the page.

mod fleet;
mod page;
mod shipped;
mod traces;
mod wiring;
