//! What is remembered: which alert has had its step, and how far those that have not are to go.

use trimtab_sdk::memory::{Reader, Stored};

/// Most alerts that are remembered; a snapshot shows 64.
pub(crate) const STEPS_MAX: usize = 128;

trimtab_sdk::memory! {
    /// What the policy remembers: at most 128 × 21 bytes, and 13 beside.
    format 1, at most 2_752 bytes;
    pub struct Past {
        /// Whether there was an evaluation before; without it, nobody knows what an alert has done already.
        pub begun: bool,
        /// Steps: those of the alerts shown, then those done before.
        pub steps: Vec<Step>,
    }
}

/// The step of one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which alert: its id and beginning, or what `dedupe_by` makes of it.
    pub key: u64,
    /// When it was asked for, and once it is done, when that was seen.
    pub at_ms: u64,
    /// The count that it goes to.
    pub goal: u32,
    /// Whether it is done.
    pub done: bool,
}

impl Stored for Step {
    fn store(&self, out: &mut Vec<u8>) {
        self.key.store(out);
        self.at_ms.store(out);
        self.goal.store(out);
        self.done.store(out);
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            key: u64::fetch(bytes)?,
            at_ms: u64::fetch(bytes)?,
            goal: u32::fetch(bytes)?,
            done: bool::fetch(bytes)?,
        })
    }
}

/// Texts in eight bytes: FNV-1a, each text ended by a zero.
pub(crate) fn mark_of<'t>(texts: impl IntoIterator<Item = &'t str>) -> u64 {
    let bytes = texts.into_iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |mark, byte| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
