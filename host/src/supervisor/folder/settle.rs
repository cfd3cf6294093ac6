//! When a file is whole: when its writer has closed it, or when nothing about it has changed for a while. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A file of which nobody says that it is whole is taken to be when it has been the same for so long.
pub(super) const REST_MS: u64 = 300;

/// What tells two states of a file apart, and of the signature beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    /// When it was written, in nanoseconds since the Unix epoch: first, so that stamps sort by it.
    pub(super) written_ns: i128,
    pub(super) bytes: u64,
    pub(super) inode: u64,
    /// Of the signature: when it was written, and its inode.
    pub(super) signature: Option<(i128, u64)>,
}

/// Files that were seen, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Settling {
    files: BTreeMap<PathBuf, Seen>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    since_ms: u64,
    /// The state that was taken in last.
    done: Option<Stamp>,
}

impl Settling {
    /// Files to be taken in now, the oldest first, and after how long to look again for those that still change. `finished`:
    /// files that their writers have closed. Files that are gone are forgotten.
    pub(super) fn look(
        &mut self,
        now_ms: u64,
        found: &BTreeMap<PathBuf, Stamp>,
        finished: &BTreeSet<PathBuf>,
    ) -> (Vec<(PathBuf, Stamp)>, Option<u64>) {
        self.files.retain(|file, _| found.contains_key(file));
        let (mut settled, mut again_ms) = (Vec::new(), None);
        for (file, stamp) in found {
            let fresh = || Seen { stamp: stamp.clone(), since_ms: now_ms, done: None };
            let seen = self.files.entry(file.clone()).or_insert_with(fresh);
            if seen.stamp != *stamp {
                (seen.stamp, seen.since_ms) = (stamp.clone(), now_ms);
            }
            if seen.done.as_ref() == Some(stamp) {
                continue;
            }
            let rest_ms = REST_MS.saturating_sub(now_ms.saturating_sub(seen.since_ms));
            if rest_ms == 0 || finished.contains(file) {
                settled.push((file.clone(), stamp.clone()));
            } else {
                again_ms = Some(again_ms.unwrap_or(rest_ms).min(rest_ms));
            }
        }
        settled.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
        (settled, again_ms)
    }

    /// This state of the file needs no more work.
    pub(super) fn done(&mut self, file: &PathBuf, stamp: Stamp) {
        if let Some(seen) = self.files.get_mut(file) {
            seen.done = Some(stamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(written_ns: i128) -> Stamp {
        Stamp { written_ns, bytes: 1, inode: 1, signature: None }
    }

    fn found(files: &[(&str, i128)]) -> BTreeMap<PathBuf, Stamp> {
        files.iter().map(|(file, written_ns)| (PathBuf::from(file), stamp(*written_ns))).collect()
    }

    fn names(settled: &[(PathBuf, Stamp)]) -> Vec<&str> {
        settled.iter().map(|(file, _)| file.to_str().unwrap()).collect()
    }

    #[test]
    fn a_file_that_is_being_written_is_left_until_it_rests() {
        let (mut settling, nobody) = (Settling::default(), BTreeSet::new());
        assert_eq!(settling.look(0, &found(&[("a", 1)]), &nobody), (vec![], Some(300)));
        assert_eq!(settling.look(200, &found(&[("a", 2)]), &nobody), (vec![], Some(300)), "it has changed");
        assert_eq!(settling.look(400, &found(&[("a", 2)]), &nobody), (vec![], Some(100)));
        let (settled, again_ms) = settling.look(500, &found(&[("a", 2)]), &nobody);
        assert_eq!((names(&settled), again_ms), (vec!["a"], None));
        assert_eq!(names(&settling.look(600, &found(&[("a", 2)]), &nobody).0), ["a"], "until it is done");
        settling.done(&"a".into(), stamp(2));
        assert_eq!(settling.look(700, &found(&[("a", 2)]), &nobody), (vec![], None));
        assert_eq!(settling.look(800, &found(&[("a", 3)]), &nobody), (vec![], Some(300)), "and it changes again");
    }

    #[test]
    fn a_file_that_its_writer_has_closed_is_taken_at_once_the_oldest_first() {
        let mut settling = Settling::default();
        let closed: BTreeSet<PathBuf> = ["a".into(), "b".into()].into();
        let (settled, again_ms) = settling.look(0, &found(&[("a", 5), ("b", 4), ("c", 1)]), &closed);
        assert_eq!((names(&settled), again_ms), (vec!["b", "a"], Some(300)));
    }

    #[test]
    fn a_file_that_went_and_came_back_is_taken_again() {
        let (mut settling, closed) = (Settling::default(), BTreeSet::from(["a".into()]));
        settling.look(0, &found(&[("a", 1)]), &closed);
        settling.done(&"a".into(), stamp(1));
        settling.look(1, &found(&[]), &closed);
        assert_eq!(names(&settling.look(2, &found(&[("a", 1)]), &closed).0), ["a"]);
    }
}
