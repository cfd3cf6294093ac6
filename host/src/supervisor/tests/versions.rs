//! Versions that watch, are promoted, gone back from, put in quarantine, and stood in for.

use super::stage::ByHand;
use super::*;
use crate::audit::{Evaluation, Slot};
use crate::cycle::SlotView;
use crate::policy::Verdict;
use crate::supervisor::{Activation, ShadowWanted};

const LOAD_THAT_TRAPS: f64 = 900.0;

/// A version that fails under such a load.
fn fragile() -> Vec<u8> {
    ByHand { traps_from: Some(900), ..ByHand::default() }.module()
}

fn watching(digest: &str) -> ShadowWanted<'_> {
    ShadowWanted { name: TRACKING, digest, binding: None, promote_after: None, rollback_on_fault: false }
}

fn count(slot: &Slot) -> Option<u32> {
    let Evaluation::Answered(answer) = &slot.evaluation else { return None };
    let Verdict::Proposals(proposals) = &answer.verdict else { return None };
    proposals[0].count
}

impl Stage {
    async fn last_slots(&self) -> Vec<Slot> {
        self.records().await.pop().unwrap().slots
    }

    fn slot_view(&self, role: &str) -> SlotView {
        let view = self.view();
        view.seats[0].slots.iter().find(|slot| slot.role == role).unwrap_or_else(|| panic!("{view:?}")).clone()
    }

    async fn active_digest(&self) -> Option<String> {
        self.steering.registry().active(TRACKING).await.unwrap()?.default
    }

    /// Two faults a minute apart: from then on it is in quarantine.
    async fn fail_for_a_minute(&self) {
        self.load(LOAD_THAT_TRAPS);
        self.turn().await;
        self.clock.jump(61_000);
        self.load(LOAD_THAT_TRAPS);
        self.turn().await;
        assert!(self.slot_view("active").quarantined_until_ms.is_some(), "{:?}", self.view());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_watches_is_recorded_and_never_acts() {
    let stage = Stage::set(CONFIG).await;
    let eager = stage.push(&ByHand { adds: 3, look_back_ms: 600_000, ..ByHand::default() }.module()).await.digest;
    stage.steering.set_shadow(&watching(&eager), "ada").await.unwrap();
    assert_eq!(state(&stage, &eager).await, VersionState::Shadow);
    assert_eq!(
        stage.steering.bindings()[0].readings[0].look_back_ms,
        600_000,
        "the snapshot holds what any of them needs"
    );
    let refused = stage.steering.registry().remove(&eager).await.unwrap_err();
    assert!(matches!(refused, RegistryError::InUse { state: VersionState::Shadow, .. }), "{refused}");

    stage.load(200.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 4);
    let slots = stage.last_slots().await;
    let told: Vec<_> = slots.iter().map(|slot| (slot.slot.as_str(), slot.shadow, count(slot))).collect();
    assert_eq!(told, [(TRACKING, false, Some(4)), (TRACKING, true, Some(7))]);
    assert_eq!(slots[1].policy.digest, eager);
    let stage = stage.restart().await;
    stage.load(200.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 4, "as the active one says");
    assert_eq!(count(&stage.last_slots().await[1]), Some(7), "over a restart");
    let key = format!("{TRACKING}~{}", &eager[..12]);
    assert_eq!(stage.kept().await.seats["web"].beside.keys().collect::<Vec<_>>(), [&key], "a memory of its own");

    stage.steering.remove_shadow(TRACKING, &eager, None, "ada").await.unwrap();
    stage.turn().await;
    assert_eq!(stage.last_slots().await.len(), 1);
    assert!(stage.kept().await.seats["web"].beside.is_empty(), "forgotten with it");
    assert_eq!(state(&stage, &eager).await, VersionState::Tried);
    let gone = stage.steering.remove_shadow(TRACKING, &eager, None, "ada").await.unwrap_err();
    assert!(matches!(gone, SteerError::Registry(RegistryError::NoShadow { .. })), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_cannot_watch_is_refused_when_it_is_set() {
    let stage = Stage::set(CONFIG).await;
    let before = stage.steering.bindings();
    let curious = stage.push(&ByHand { wants_another: true, ..ByHand::default() }.module()).await.digest;
    let refused = stage.steering.set_shadow(&watching(&curious), "ada").await.unwrap_err().to_string();
    assert!(refused.contains("needs a reading \"text\""), "{refused}");
    let bare = stage.push(&without_parameters()).await.digest;
    let refused = stage.steering.set_shadow(&watching(&bare), "ada").await.unwrap_err();
    assert!(matches!(refused, SteerError::Complaints(_)), "{refused}");
    let unknown = stage.steering.set_shadow(&watching(&"0".repeat(64)), "ada").await.unwrap_err();
    assert!(matches!(unknown, SteerError::Registry(RegistryError::NoVersion { .. })), "{unknown}");
    let one = stage.push(&tracking(1)).await.digest;
    stage.steering.activate(TRACKING, &one, None, "ada").await.unwrap();
    let itself = stage.steering.set_shadow(&watching(&one), "ada").await.unwrap_err();
    assert!(matches!(itself, SteerError::NothingToWatch { .. }), "{itself}");
    let nowhere = ShadowWanted { binding: Some("wbe"), ..watching(&curious) };
    let nowhere = stage.steering.set_shadow(&nowhere, "ada").await.unwrap_err();
    assert!(matches!(nowhere, SteerError::UnknownBinding { .. }), "{nowhere}");
    assert!(stage.steering.registry().active(TRACKING).await.unwrap().unwrap().shadows.is_empty());
    assert_eq!(stage.steering.bindings()[0].slots.len(), before[0].slots.len());

    for version in 2..10 {
        let digest = stage.push(&tracking(version)).await.digest;
        stage.steering.set_shadow(&watching(&digest), "ada").await.unwrap();
    }
    let ninth = stage.push(&tracking(10)).await.digest;
    let full = stage.steering.set_shadow(&watching(&ninth), "ada").await.unwrap_err();
    assert!(matches!(full, SteerError::Registry(RegistryError::TooManyShadows { shadows_max: 8, .. })), "{full}");
    stage.turn().await;
    assert_eq!(stage.last_slots().await.len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_shadow_disturbs_nobody_but_itself() {
    let stage = Stage::set(CONFIG).await;
    let fragile = stage.push(&fragile()).await.digest;
    stage.steering.set_shadow(&watching(&fragile), "ada").await.unwrap();
    stage.load(LOAD_THAT_TRAPS);
    let report = stage.turn().await;
    assert_eq!((report.faults, stage.desired()), (0, 10));
    stage.clock.jump(61_000);
    stage.load(LOAD_THAT_TRAPS);
    stage.turn().await;
    let shadow = stage.slot_view("shadow");
    assert!(shadow.failed && shadow.quarantined_until_ms.is_some(), "{shadow:?}");
    assert_eq!(stage.slot_view("active").quarantined_until_ms, None);
    assert!(stage.view().quarantined(stage.clock.now_ms()).is_empty(), "nobody waits for it");
    // The jump of the clock holds back one lowering; the shadow's quarantine none.
    stage.load(100.0);
    stage.turn().await;
    stage.load(100.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 2);
    assert!(matches!(stage.last_slots().await[1].evaluation, Evaluation::Quarantined { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_agrees_long_enough_is_promoted_and_one_that_differs_is_not() {
    let stage = Stage::set(CONFIG).await;
    let (same, eager) = (
        stage.push(&tracking(1)).await.digest,
        stage.push(&ByHand { adds: 1, ..ByHand::default() }.module()).await.digest,
    );
    for digest in [&same, &eager] {
        let wanted = ShadowWanted { promote_after: Some(3), rollback_on_fault: true, ..watching(digest) };
        stage.steering.set_shadow(&wanted, "ada").await.unwrap();
    }
    for turn in 1..=2 {
        stage.load(200.0);
        stage.turn().await;
        let seen = |digest| stage.steering.shadow_seen(TRACKING, digest, None);
        assert_eq!((seen(&same).agreed, seen(&eager).agreed), (turn, 0));
        assert_eq!(stage.active_digest().await, None);
    }
    let (_, mut coming) = stage.steering.events(u64::MAX);
    stage.load(200.0);
    stage.turn().await;
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while stage.active_digest().await.is_none() {
        assert!(tokio::time::Instant::now() < end, "it is not promoted");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let active = stage.steering.registry().active(TRACKING).await.unwrap().unwrap();
    assert_eq!(active.default.as_deref(), Some(same.as_str()));
    assert_eq!(active.previous[0].by, "automatic promotion");
    assert_eq!(active.shadows.iter().map(|shadow| &shadow.digest).collect::<Vec<_>>(), [&eager], "it watches no more");
    assert!(active.probations.iter().any(|probation| probation.digest == same));
    loop {
        let event = coming.recv().await.unwrap();
        if matches!(&event.what, Happening::Steered { text, .. } if text.contains("by automatic promotion")) {
            break;
        }
    }
    while stage.changes_by("automatic promotion").await == 0 {
        assert!(tokio::time::Instant::now() < end, "it is in no log of changes");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    stage.turn().await;
    assert_eq!(stage.last_slots().await[0].policy.digest, same);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_on_probation_that_fails_is_gone_back_from() {
    let stage = Stage::set(CONFIG).await;
    let fragile = stage.push(&fragile()).await.digest;
    let on_probation = |rollback: bool| Activation {
        name: TRACKING,
        digest: &fragile,
        binding: None,
        who: "ada",
        rollback_on_fault: Some(rollback),
    };
    stage.steering.activate_as(&on_probation(true)).await.unwrap();
    stage.load(LOAD_THAT_TRAPS);
    for _ in 0..2 {
        assert_eq!(stage.turn().await.faults, 1);
        assert_eq!(stage.active_digest().await.as_ref(), Some(&fragile), "a mishap is none yet");
    }
    stage.turn().await;
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while stage.changes_by("automatic rollback").await == 0 {
        assert!(tokio::time::Instant::now() < end, "it is not gone back from");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(stage.active_digest().await, None);
    stage.turn().await;
    assert_eq!((stage.last_digests().await, stage.desired()), (vec![built_in()], 10), "the one before answers");

    // Not asked for, or too late: it stays, in quarantine.
    stage.steering.activate_as(&on_probation(false)).await.unwrap();
    stage.fail_for_a_minute().await;
    assert_eq!(stage.active_digest().await.as_ref(), Some(&fragile));
    stage.steering.activate_as(&on_probation(true)).await.unwrap();
    stage.clock.jump(3_600_000);
    stage.load(LOAD_THAT_TRAPS);
    for _ in 0..4 {
        stage.turn().await;
    }
    assert_eq!(stage.active_digest().await.as_ref(), Some(&fragile));
    assert_eq!(stage.changes_by("automatic rollback").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_good_version_stands_in_for_one_in_quarantine_until_a_person_clears_it() {
    let stage = Stage::set(&format!("{CONFIG}on_quarantine = \"last-good\"\n")).await;
    let good = stage.push(&tracking(1)).await.digest;
    let fragile = stage.push(&fragile()).await.digest;
    stage.steering.activate(TRACKING, &good, None, "ada").await.unwrap();
    stage.steering.activate(TRACKING, &fragile, None, "ada").await.unwrap();
    stage.load(100.0);
    stage.turn().await;
    assert_eq!(stage.last_digests().await, [fragile.clone()], "it is not asked without need");
    stage.fail_for_a_minute().await;
    assert_eq!(stage.desired(), 2, "faults hold");
    assert_eq!(stage.view().quarantined(stage.clock.now_ms()), ["web/target-tracking"]);

    stage.load(200.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 4, "the last good one answers");
    let slots = stage.last_slots().await;
    assert!(matches!(slots[0].evaluation, Evaluation::Quarantined { .. }));
    assert_eq!((slots[1].policy.digest.as_str(), slots[1].shadow, count(&slots[1])), (good.as_str(), false, Some(4)));
    stage.load(100.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 2, "and may lower");

    stage.steering.clear(&stage.target, "ada").await.unwrap();
    assert!(stage.view().quarantined(stage.clock.now_ms()).is_empty());
    let slots = stage.last_slots().await;
    assert_eq!((slots.len(), slots[0].policy.digest.as_str(), count(&slots[0])), (1, fragile.as_str(), Some(2)));
    // It is heard once: what fails later is not forgiven by it.
    stage.fail_for_a_minute().await;
    stage.turn().await;
    assert!(!stage.view().quarantined(stage.clock.now_ms()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quarantine_holds_where_nothing_else_was_said_and_is_loud() {
    let stage = Stage::set(CONFIG).await;
    let fragile = stage.push(&fragile()).await.digest;
    stage.steering.activate(TRACKING, &fragile, None, "ada").await.unwrap();
    let (_, mut coming) = stage.steering.events(u64::MAX);
    stage.fail_for_a_minute().await;
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 2, "nobody answers");
    loop {
        let event = coming.recv().await.unwrap();
        if let Happening::Failed { quarantined_until_ms: Some(until_ms), role: "active", .. } = &event.what {
            assert!(*until_ms > event.at_ms);
            break;
        }
    }
    let span = crate::audit::Span { from_ms: 0, to_ms: u64::MAX, entries_max: 1_000 };
    let events = crate::audit::history(stage.steering.store().as_ref(), &stage.target, span).await.unwrap();
    assert!(crate::audit::explain(&events, false).to_string().contains("is in quarantine until"));
}
