//! What is kept from one turn to the next: a histogram and its extent for CPU and for memory, and where each instance stands.

use trimtab_sdk::Stored;
use trimtab_sdk::memory::Reader;

use crate::histogram::Histogram;

/// Most instances that are followed. 57 bytes each, they are most of the memory's bound.
pub(crate) const FOLLOWED_MAX: usize = 1000;
const HOUR_MS: u64 = 3_600_000;

trimtab_sdk::memory! {
    /// The history of one target: 12 bytes of heads, at most 1620 for each dimension, and 57 for each of 1000 instances. The
    /// host's bound is 65,536 by default.
    format 1, at most 60_252 bytes;
    #[derive(PartialEq)]
    pub struct History {
        pub(crate) cpu: Series,
        pub(crate) memory: Series,
        /// By rising `id`.
        pub(crate) instances: Vec<Followed>,
    }
}

/// What was seen of one dimension.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Series {
    pub(crate) histogram: Histogram,
    /// 0: nothing was seen yet.
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) samples: u64,
}

/// How far one instance was seen, and its peak of memory within the interval that lasts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Followed {
    /// A hash of its id.
    pub(crate) id: u64,
    pub(crate) cpu_seen_ms: u64,
    pub(crate) memory_seen_ms: u64,
    /// When the interval ends; 0 before the first.
    pub(crate) interval_end_ms: u64,
    pub(crate) peak: f64,
    /// What a kill for lack of memory within the interval says is needed.
    pub(crate) oom_peak: f64,
    /// The counter of such kills.
    pub(crate) oom_kills: Option<f64>,
}

impl Series {
    pub(crate) fn saw(&mut self, at_ms: u64) {
        if self.samples == 0 {
            self.first_ms = at_ms;
        }
        self.first_ms = self.first_ms.min(at_ms);
        self.last_ms = self.last_ms.max(at_ms);
        self.samples = self.samples.saturating_add(1);
    }

    pub(crate) fn span_ms(&self) -> u64 {
        self.last_ms.saturating_sub(self.first_ms)
    }
}

impl Followed {
    /// The most it used, or needs to have, in the interval that lasts.
    pub(crate) fn most(&self) -> f64 {
        self.peak.max(self.oom_peak)
    }

    /// Whether it still tells something once its instance is gone: a peak, or which samples were taken in if it comes back.
    fn is_of_use(&self, now_ms: u64) -> bool {
        self.interval_end_ms > now_ms || self.cpu_seen_ms.saturating_add(HOUR_MS) > now_ms
    }
}

impl History {
    /// Follows the instances of these ids as far as there is room, and forgets those that are gone and tell nothing more, or,
    /// where room is wanted, all that are gone.
    pub(crate) fn follow(&mut self, ids: impl Iterator<Item = u64>, now_ms: u64) {
        let mut is_here = vec![false; self.instances.len()];
        let mut new = Vec::new();
        for id in ids {
            match find(&self.instances, id).and_then(|place| is_here.get_mut(place)) {
                Some(is_here) => *is_here = true,
                None => new.push(Followed { id, ..Followed::default() }),
            }
        }
        let of_use = self.instances.iter().zip(&is_here).filter(|(one, here)| **here || one.is_of_use(now_ms)).count();
        let has_room = of_use.saturating_add(new.len()) <= FOLLOWED_MAX;
        let mut here = is_here.into_iter();
        self.instances.retain(|one| here.next() == Some(true) || (has_room && one.is_of_use(now_ms)));
        self.instances.extend(new);
        self.instances.truncate(FOLLOWED_MAX);
        self.instances.sort_unstable_by_key(|one| one.id);
        self.instances.dedup_by_key(|one| one.id);
    }
}

/// The place of that id among those that rise.
pub(crate) fn find(instances: &[Followed], id: u64) -> Option<usize> {
    instances.binary_search_by_key(&id, |one| one.id).ok()
}

/// FNV-1a, 64 bits: ids of any length become eight bytes.
pub(crate) fn hash(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl Stored for Series {
    fn store(&self, out: &mut Vec<u8>) {
        self.histogram.store(out);
        self.first_ms.store(out);
        self.last_ms.store(out);
        self.samples.store(out);
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            histogram: Histogram::fetch(bytes)?,
            first_ms: u64::fetch(bytes)?,
            last_ms: u64::fetch(bytes)?,
            samples: u64::fetch(bytes)?,
        })
    }
}

impl Stored for Followed {
    fn store(&self, out: &mut Vec<u8>) {
        self.id.store(out);
        self.cpu_seen_ms.store(out);
        self.memory_seen_ms.store(out);
        self.interval_end_ms.store(out);
        self.peak.store(out);
        self.oom_peak.store(out);
        self.oom_kills.store(out);
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: u64::fetch(bytes)?,
            cpu_seen_ms: u64::fetch(bytes)?,
            memory_seen_ms: u64::fetch(bytes)?,
            interval_end_ms: u64::fetch(bytes)?,
            peak: f64::fetch(bytes)?,
            oom_peak: f64::fetch(bytes)?,
            oom_kills: Option::fetch(bytes)?,
        })
    }
}
