//! Counters that do not fall when HAProxy is restarted.
//!
//! What a counter had when it fell is added from then on, once: raw 100, 120, 5, 6, 7 reads 100, 120, 125, 126, 127. Adding the raw
//! value at every look instead (125, 131, 138) is how a reload becomes a storm of its own making.

use std::collections::HashMap;

use super::page::Page;

/// What every counter had last, and what it had before it was reset.
#[derive(Debug, Default)]
pub(super) struct Steady {
    objects: HashMap<String, HashMap<String, Counter>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    raw: f64,
    carried: f64,
}

impl Steady {
    /// Raises the counters of this page by what they had before. Objects that are gone are forgotten. `restarted`: the page is
    /// known to be another process's than the last, so that counters were reset also where they have outgrown what they had.
    pub(super) fn carry(&mut self, page: &mut Page, restarted: bool) {
        let mut objects = HashMap::with_capacity(page.objects.len());
        for stats in &mut page.objects {
            let key = stats.key();
            let mut counters = self.objects.remove(&key).unwrap_or_default();
            for (name, value) in stats.counters() {
                match counters.get_mut(name) {
                    Some(counter) => {
                        if restarted || *value < counter.raw {
                            counter.carried += counter.raw;
                        }
                        counter.raw = *value;
                        *value += counter.carried;
                    }
                    None => {
                        counters.insert(name.to_owned(), Counter { raw: *value, carried: 0.0 });
                    }
                }
            }
            objects.insert(key, counters);
        }
        self.objects = objects;
    }
}
