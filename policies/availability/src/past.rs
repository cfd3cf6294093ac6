//! What is remembered: since when each instance is in trouble and what was tried, who stands in for whom, which template is
//! rolled out. A snapshot tells phases, not since when they last.

use trimtab_sdk::memory::{Reader, Stored};

/// Most instances in trouble that are remembered; further ones wait until there is room.
pub(crate) const WATCHES_MAX: usize = 256;
/// Most instances and nodes that are remembered as away.
pub(crate) const AWAY_MAX: usize = 128;

trimtab_sdk::memory! {
    /// What the policy remembers: at most 256 × 37 bytes of instances and 128 × 8 of what is away, and 60 beside.
    format 1, at most 10_880 bytes;
    pub struct Past {
        /// Instances in trouble, and those that were lately.
        pub watches: Vec<Watch>,
        /// The count that stand-ins have raised.
        pub handed: Option<Handed>,
        /// Instances and nodes that are stood in for.
        pub away: Vec<u64>,
        /// The template last seen, and since when.
        pub template: Option<(u64, u64)>,
    }
}

/// One instance in trouble.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch {
    /// Who: see [`mark_of`].
    pub who: u64,
    /// What the trouble is: `State::number`.
    pub state: u8,
    /// Since when it is seen in it.
    pub since_ms: u64,
    /// How often something was tried.
    pub tries: u32,
    /// When something was last asked for it that is not yet seen to be done; 0 for never.
    pub asked_ms: u64,
    /// What it looked like then.
    pub mark: u64,
}

/// The count that stand-ins have raised.
#[derive(Debug, Clone, Copy)]
pub struct Handed {
    /// The count without them.
    pub home: u32,
    /// The count with them.
    pub asked: u32,
    /// When the first was asked for.
    pub since_ms: u64,
}

impl Stored for Watch {
    fn store(&self, out: &mut Vec<u8>) {
        self.who.store(out);
        self.state.store(out);
        self.since_ms.store(out);
        self.tries.store(out);
        self.asked_ms.store(out);
        self.mark.store(out);
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            who: u64::fetch(bytes)?,
            state: u8::fetch(bytes)?,
            since_ms: u64::fetch(bytes)?,
            tries: u32::fetch(bytes)?,
            asked_ms: u64::fetch(bytes)?,
            mark: u64::fetch(bytes)?,
        })
    }
}

impl Stored for Handed {
    fn store(&self, out: &mut Vec<u8>) {
        self.home.store(out);
        self.asked.store(out);
        self.since_ms.store(out);
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        Some(Self { home: u32::fetch(bytes)?, asked: u32::fetch(bytes)?, since_ms: u64::fetch(bytes)? })
    }
}

/// A name in eight bytes: FNV-1a. Two of one mark would share their patience, which harms nobody.
pub(crate) fn mark_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |mark, byte| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
