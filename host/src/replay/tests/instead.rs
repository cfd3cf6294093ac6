//! Another policy in the place of the recorded one.

use super::*;
use crate::replay::{CameTo, Instead, ReplayError};

async fn instead(archive: &Archive, policy: &Arc<Policy>, params: &Value) -> Replayed {
    let params = params.as_object().unwrap().clone();
    let instead = Instead { policy: Arc::clone(policy), params, slot: None };
    replay(&archive.desk, &all(), &Leash::default(), Some(instead)).await.unwrap()
}

#[tokio::test]
async fn another_version_with_the_recorded_parameters_agrees_and_with_others_differs_by_so_much() {
    let mut archive = Archive::new();
    let mut seats = [Seat::new("tracking", &archive.policy(TRACKING, 0).await, &tracks())];
    for turn in 0..12 {
        archive.turn(&json!({ "load": 150.0 + 10.0 * turn as f64 }), &mut seats).await;
    }
    let other = archive.policy(TRACKING, 1).await;
    let replayed = instead(&archive, &other, &json!({})).await;
    assert_eq!((replayed.tally.evaluations, replayed.tally.agreed), (12, 12), "{:?}", replayed.rows.first());
    assert_eq!(replayed.instead.unwrap().digest, other.digest());

    let replayed = instead(&archive, &other, &json!({ "target": 25.0 })).await;
    assert_eq!((replayed.tally.agreed, replayed.tally.differed), (0, 12));
    let CameTo::Differed { by, .. } = &replayed.rows[0].came_to else { panic!("{:?}", replayed.rows[0]) };
    assert_eq!((by[0].what.as_str(), &by[0].one, &by[0].other), ("replicas", &json!(3), &json!(6)));
    assert_eq!((by.len(), by[0].by), (1, Some(3)));

    let replayed = instead(&archive, &other, &json!({ "taget": 25.0 })).await;
    assert_eq!(replayed.tally.unfit, 12);
    let CameTo::Unfit { why } = &replayed.rows[0].came_to else { panic!("{:?}", replayed.rows[0]) };
    assert!(why.contains("do you mean \"target\"?"), "{why}");
    // With the code that was recorded it is no other policy: it must be the same.
    let own = archive.policy(TRACKING, 0).await;
    assert_eq!(instead(&archive, &own, &json!({})).await.tally.identical, 12);
}

#[tokio::test]
async fn memory_goes_on_from_turn_to_turn_and_is_inherited_where_the_format_fits() {
    let mut archive = Archive::new();
    let mut seats = [Seat::new("counting", &archive.keep(&counting(20, 0)).await, &json!({}))];
    for _ in 0..40 {
        archive.turn(&json!({}), &mut seats).await;
    }
    // Who carried no memory along would never trap, or at another turn.
    let other = archive.keep(&counting(20, 1)).await;
    let replayed = instead(&archive, &other, &json!({})).await;
    assert_eq!(replayed.tally.agreed, 40, "{:?}", replayed.rows.first());
    // From the midst of it on: what was remembered before is handed over by the record.
    let late = Stretch::of(target(), now_ms(10), u64::MAX);
    let stand_in = Instead { policy: other, params: Map::new(), slot: None };
    let replayed = replay(&archive.desk, &late, &Leash::default(), Some(stand_in)).await.unwrap();
    assert_eq!((replayed.reach.turns, replayed.tally.agreed), (30, 30), "{:?}", replayed.rows.first());
    let sooner = archive.keep(&counting(15, 2)).await;
    let replayed = instead(&archive, &sooner, &json!({})).await;
    assert_eq!((replayed.tally.agreed, replayed.tally.differed), (35, 5));
    let CameTo::Differed { by, .. } = &replayed.rows[0].came_to else { panic!("{:?}", replayed.rows[0]) };
    assert_eq!((by[0].what.as_str(), &by[0].other), ("failed", &json!("trap")));
}

#[tokio::test]
async fn what_the_record_does_not_hold_is_not_recorded_and_never_zero() {
    let mut archive = Archive::new();
    let mut seats = [Seat::new("tracking", &archive.policy(TRACKING, 0).await, &tracks())];
    for turn in 0..3 {
        archive.turn(&load(turn), &mut seats).await;
    }
    let other = archive.policy(TRACKING, 1).await;
    let replayed = instead(&archive, &other, &json!({ "reading": "queue_length" })).await;
    assert_eq!((replayed.tally.evaluations, replayed.tally.not_recorded), (3, 3));
    let CameTo::NotRecorded { what } = &replayed.rows[0].came_to else { panic!("{:?}", replayed.rows[0]) };
    assert_eq!(what, &["the reading \"queue_length\" of the target"]);
    // What was asked for and could not be had is recorded: as absent.
    archive.turn(&json!({ "load": null }), &mut seats).await;
    let replayed = instead(&archive, &other, &json!({})).await;
    assert_eq!((replayed.tally.agreed, replayed.tally.not_recorded), (4, 0));
}

#[tokio::test]
async fn a_word_means_a_policy_by_digest_version_or_name() {
    let archive = Archive::new();
    let other = archive.policy(TRACKING, 1).await;
    let Desk { store, registry } = &archive.desk;
    let found = async |word: String| find(registry, store.as_ref(), &word).await;
    let own = builtin::builtin(TRACKING).unwrap().sha256;
    let version = other.manifest().version.clone();
    for (word, digest) in [
        (other.digest().to_owned(), other.digest()),
        (format!("sha256:{}", other.digest()), other.digest()),
        (other.digest()[..8].to_owned(), other.digest()),
        (TRACKING.to_owned(), own),
        (format!("{TRACKING}@{version}"), own),
        (own[..12].to_owned(), own),
    ] {
        assert_eq!(found(word.clone()).await.unwrap().digest(), digest, "{word}");
    }
    for word in [&other.digest()[..7], "no-such-policy", "target-tracking@9.9.9", "", "@", "0123456789"] {
        let error = found(word.to_owned()).await.unwrap_err();
        assert!(matches!(error, ReplayError::NoSuchPolicy { .. }), "{word}: {error}");
    }
}
