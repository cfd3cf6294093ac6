//! A hundred bindings, of which twenty run policies that mean harm. The other eighty must not notice: what is decided for them is
//! the same to the byte, and their turns begin no more than one deadline late.
//!
//! `turns` has the real arrow and engine in a time of its own, so that everything can be compared; `pace` has the built binary at
//! its own pace, by a real clock.

mod guests;
mod pace;
mod turns;

/// Bindings that mean well.
const HONEST: usize = 80;
/// Bindings that do not.
const HOSTILE: usize = 20;

/// What one that means well is called; its load differs from all others'.
fn honest(number: usize) -> String {
    format!("honest-{number:02}")
}

fn hostile(number: usize) -> String {
    format!("hostile-{number:02}")
}

/// What is measured of one that means well.
fn load(number: usize) -> u32 {
    60 + 7 * u32::try_from(number).unwrap()
}
