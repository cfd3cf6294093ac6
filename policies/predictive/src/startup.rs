//! How far ahead to look: as long as a new replica needs until it serves.

use std::time::Duration;

use trimtab_sdk::{Phase, Snapshot};

use crate::Parameters;
use crate::rhythm::Rhythm;

/// Without anything seen.
const USUAL: Duration = Duration::from_secs(300);
/// An instance that takes longer is rather stuck than slow.
const LONGEST: Duration = Duration::from_secs(1800);

/// The operator's horizon, or the longest start that was seen of late, but at least five minutes. No snapshot says when an
/// instance began to serve; the greatest age at which one was seen still starting comes next to it.
pub(crate) fn horizon_ms(snapshot: &Snapshot<'_>, parameters: &Parameters, rhythm: &mut Rhythm) -> u64 {
    let span = parameters.horizon.unwrap_or_else(|| {
        let starting =
            snapshot.instances().iter().filter(|one| matches!(one.phase(), Phase::Pending | Phase::Starting));
        let ages = starting.filter_map(|one| one.age(snapshot.now_ms())).filter(|age| *age <= LONGEST);
        let seen = ages.max().map_or(0, milliseconds);
        rhythm.startup_ms = rhythm.startup_ms.max(seen);
        USUAL.max(Duration::from_millis(rhythm.startup_ms)).min(parameters.season)
    });
    milliseconds(span)
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
