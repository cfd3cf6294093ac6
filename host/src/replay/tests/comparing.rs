//! Two policies on the same snapshots.

use super::*;
use crate::replay::{Voice, compare};

#[tokio::test]
async fn what_is_recorded_of_either_is_used_and_all_else_is_evaluated_now() {
    let mut archive = Archive::new();
    let (old, new) = (archive.policy(TRACKING, 1).await, archive.policy(TRACKING, 2).await);
    let mut active = Seat::new("tracking", &old, &tracks());
    let mut shadow = Seat { shadow: true, ..Seat::new("tracking", &new, &tracks()) };
    for turn in 0..10 {
        // The shadow looks on from the fifth turn on, with another target from the eighth.
        if turn >= 8 {
            shadow.params.insert("target".to_owned(), json!(75.0));
        }
        let seats = [&mut active, &mut shadow];
        let readings = json!({ "load": 300.0 });
        let mut two =
            seats.map(|seat| Seat { params: seat.params.clone(), ..Seat::new("tracking", &seat.policy, &json!({})) });
        two[1].shadow = true;
        let count = if turn < 5 { 1 } else { 2 };
        archive.turn(&readings, &mut two[..count]).await;
    }
    let (a, b) = (Some(Arc::clone(&old)), Some(Arc::clone(&new)));
    let compared = compare(&archive.desk, &all(), &Leash::default(), a, b).await.unwrap();
    assert_eq!((compared.a.recorded, compared.a.evaluated), (10, 0));
    assert_eq!((compared.b.recorded, compared.b.evaluated), (5, 5), "the rest was evaluated now");
    assert_eq!((compared.compared, compared.agreed, compared.agreement_percent), (10, 8, Some(80.0)));
    let spread = &compared.spreads["replicas"];
    assert_eq!((spread.turns, spread.least, spread.greatest), (2, -2, -2), "{spread:?}");
    assert!((spread.mean + 2.0).abs() < 1e-9);
    let row = &compared.rows[0];
    assert_eq!((row.at_ms, row.slot.as_str(), row.b.voice), (now_ms(8), "tracking", Voice::Recorded));
    assert_eq!((&row.by[0].one, &row.by[0].other), (&json!(6), &json!(4)));

    // `active` is whichever was.
    let b = Some(Arc::clone(&new));
    let compared = compare(&archive.desk, &all(), &Leash::default(), None, b).await.unwrap();
    assert_eq!((compared.agreed, compared.a.recorded, compared.a.policy), (8, 10, None));
}

#[tokio::test]
async fn refusals_and_silence_are_told_and_silence_is_not_agreement() {
    let mut archive = Archive::new();
    let (old, new) = (archive.policy(TRACKING, 1).await, archive.policy(TRACKING, 2).await);
    let mut seats = [Seat::new("tracking", &old, &tracks())];
    archive.turn(&json!({ "load": null }), &mut seats).await;
    archive.turn(&json!({ "load": 150.0 }), &mut seats).await;
    let rightsizing = archive.policy("rightsizing", 0).await;
    let one = |policy: &Arc<Policy>| Some(Arc::clone(policy));
    let compared = compare(&archive.desk, &all(), &Leash::default(), one(&old), one(&new)).await.unwrap();
    assert_eq!((compared.compared, compared.agreed, compared.rows.len()), (2, 2, 0), "both refuse, both answer");
    assert_eq!((compared.a.refusals, compared.b.refusals, compared.b.answers), (1, 1, 1));
    let compared = compare(&archive.desk, &all(), &Leash::default(), one(&old), one(&rightsizing)).await.unwrap();
    assert_eq!((compared.compared, compared.agreement_percent, compared.b.silent), (0, None, 2), "{compared:?}");
    assert!(compared.rows[0].b.why.as_ref().unwrap().starts_with("not recorded: the reading"), "{compared:?}");
}
