//! A host that is steered while it runs.

mod alerting;
mod folder;
mod full_store;
mod groups;
mod labels;
mod modes;
mod stage;
mod tables;
mod trust;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use self::stage::{CONFIG, Stage, TRACKING, tracking, without_parameters};
use super::SteerError;
use crate::audit::Trigger;
use crate::bounds::{Freeze, Restraint};
use crate::cycle::{Clock, Happening};
use crate::registry::{RegistryError, VersionState, builtin};

/// Swaps of the active version under turns.
const SWAPS: u32 = 200;

fn built_in() -> String {
    builtin::builtin(TRACKING).unwrap().sha256.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_pushed_tried_activated_and_rolled_back() {
    let stage = Stage::set(CONFIG).await;
    let steering = &stage.steering;
    assert_eq!(stage.last_digests().await, [built_in()]);

    let pushed = stage.push(&tracking(1)).await;
    assert_eq!((pushed.name.as_str(), pushed.state), (TRACKING, VersionState::Tried), "{:?}", pushed.rejected);
    let [trial] = pushed.trials.as_slice() else { panic!("{:?}", pushed.trials) };
    assert_eq!((trial.binding.as_str(), trial.target.as_str()), ("web", "local/web"), "on what it would serve");
    assert!(trial.fuel > 0, "{trial:?}");
    assert_eq!(stage.push(&tracking(1)).await, pushed, "the same again is no work");
    stage.turn().await;
    assert_eq!(stage.last_digests().await, [built_in()], "it runs nowhere yet");

    steering.activate(TRACKING, &format!("sha256:{}", pushed.digest), None, "ada").await.unwrap();
    stage.turn().await;
    assert_eq!(stage.last_digests().await, *std::slice::from_ref(&pushed.digest));
    assert_eq!(state(&stage, &pushed.digest).await, VersionState::Active);

    let second = stage.push(&tracking(2)).await;
    steering.activate(TRACKING, &second.digest, Some("web"), "ada").await.unwrap();
    stage.turn().await;
    assert_eq!(stage.last_digests().await, *std::slice::from_ref(&second.digest), "for this binding");
    assert_eq!(state(&stage, &pushed.digest).await, VersionState::Active, "for all others");

    steering.rollback(TRACKING, Some("web"), "ada").await.unwrap();
    stage.turn().await;
    assert_eq!(stage.last_digests().await, *std::slice::from_ref(&pushed.digest));
    assert_eq!(state(&stage, &second.digest).await, VersionState::Retired, "nobody holds its code any more");
    let again = steering.rollback(TRACKING, Some("web"), "ada").await.unwrap_err();
    assert!(matches!(again, SteerError::Registry(RegistryError::NothingBefore { .. })), "{again}");
    steering.rollback(TRACKING, None, "ada").await.unwrap();
    stage.turn().await;
    assert_eq!(stage.last_digests().await, [built_in()], "back to the one in the binary");
    assert_eq!(steering.registry().versions(Some(TRACKING)).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_version_drains_while_somebody_holds_it() {
    let stage = Stage::set(CONFIG).await;
    let (one, two) = (stage.push(&tracking(1)).await.digest, stage.push(&tracking(2)).await.digest);
    stage.steering.activate(TRACKING, &one, None, "ada").await.unwrap();
    let held = stage.steering.bindings();
    stage.steering.activate(TRACKING, &two, None, "ada").await.unwrap();
    stage.turn().await;
    assert_eq!(state(&stage, &one).await, VersionState::Draining);
    let refused = stage.steering.registry().remove(&one).await.unwrap_err();
    assert!(matches!(refused, RegistryError::InUse { .. }), "{refused}");
    drop(held);
    assert_eq!(state(&stage, &one).await, VersionState::Retired);
    assert!(stage.steering.registry().remove(&one).await.unwrap());
    assert_eq!(stage.steering.registry().version(&one).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activation_that_a_binding_refuses_changes_nothing() {
    let stage = Stage::set(CONFIG).await;
    let pushed = stage.push(&without_parameters()).await;
    assert_eq!(pushed.state, VersionState::Tried, "{:?}", pushed.rejected);
    assert!(pushed.trials[0].came_to.contains("not asked"), "{:?}", pushed.trials);
    let before = stage.steering.bindings();
    let refused = stage.steering.activate(TRACKING, &pushed.digest, None, "ada").await.unwrap_err();
    let SteerError::Complaints(complaints) = &refused else { panic!("{refused}") };
    assert!(
        complaints.complaints.iter().all(|one| one.path == "binding.web.policy.target-tracking.params"),
        "{refused}"
    );
    assert_eq!(complaints.complaints.len(), 2, "{refused}");
    assert!(std::sync::Arc::ptr_eq(&before, &stage.steering.bindings()));
    assert_eq!(stage.steering.registry().active(TRACKING).await.unwrap(), None);
    let unknown = stage.steering.activate(TRACKING, &"0".repeat(64), None, "ada").await.unwrap_err();
    assert!(matches!(unknown, SteerError::Registry(RegistryError::NoVersion { .. })), "{unknown}");
    let unknown = stage.steering.activate(TRACKING, &pushed.digest, Some("wbe"), "ada").await.unwrap_err();
    assert!(matches!(unknown, SteerError::UnknownBinding { .. }), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_under_turns_lose_none_and_mix_none() {
    let two_slots = CONFIG.replace("use = \"target-tracking\"\n", "use = \"target-tracking\"\nslot = \"one\"\n")
        + "[[binding.web.policy]]\nuse = \"target-tracking\"\nslot = \"two\"\nparams = { reading = \"load\", target = 50.0 }\n";
    let stage = Stage::set(&two_slots).await;
    let versions = [stage.push(&tracking(1)).await.digest, stage.push(&tracking(2)).await.digest];
    let before = stage.records().await.len();
    let (steering, ended) = (stage.steering.clone(), tokio_util::sync::CancellationToken::new());
    let ending = ended.clone();
    let turns = tokio::spawn(async move {
        let mut turns = 0;
        while !ending.is_cancelled() {
            let report = steering.turn_now(None, Trigger::Manual { who: "ada".to_owned() }).await.unwrap();
            assert_eq!((report.targets, report.faults), (1, 0), "{report:?}");
            turns += 1;
        }
        turns
    });
    for swap in 0..SWAPS {
        let digest = &versions[usize::try_from(swap % 2).unwrap()];
        stage.steering.activate(TRACKING, digest, None, "ada").await.unwrap();
    }
    ended.cancel();
    let turns: usize = turns.await.unwrap();
    let records = stage.records().await.split_off(before);
    assert_eq!(records.len(), turns, "each has its record");
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        let digests: BTreeSet<&str> = record.slots.iter().map(|slot| slot.policy.digest.as_str()).collect();
        assert_eq!(digests.len(), 1, "a turn on a mixture");
        *seen.entry((*digests.first().unwrap()).to_owned()).or_default() += 1;
    }
    assert!(versions.iter().all(|digest| seen.contains_key(digest)), "{seen:?}");
    stage.turn().await;
    let last = versions[usize::try_from((SWAPS - 1) % 2).unwrap()].clone();
    assert_eq!(stage.last_digests().await, [last.clone(), last], "the next turn has the last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_is_all_or_nothing() {
    let stage = Stage::set(CONFIG).await;
    stage.load(500.0);
    let before = stage.steering.bindings();
    let unchanged = stage.steering.reload().await.unwrap();
    assert_eq!((unchanged.unchanged, &unchanged.changed), (1, &Vec::new()));
    // What only moves within the file is the same.
    stage.edit(&format!("# a remark\n{CONFIG}"));
    assert_eq!(stage.steering.reload().await.unwrap().unchanged, 1);

    let more = CONFIG.replace("max = 10", "max = 3");
    let wrong = [
        (more.replace("target-tracking", "no-such-policy"), "no-such-policy"),
        (more.replace("target = 50.0", "target = \"many\""), "target"),
        (more.replace("[[binding.web.policy]]", "[[binding.web.polcy]]"), "polcy"),
        (more.replace("query = \"load\"", "query = "), "TOML"),
        (more.replace("meter", "other"), "does not run in this host"),
    ];
    for (text, says) in wrong {
        stage.edit(&text);
        let refused = stage.steering.reload().await.unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        assert!(std::sync::Arc::ptr_eq(&before[0], &stage.steering.bindings()[0]), "the old one stays in force");
    }
    stage.turn().await;
    assert_eq!(stage.desired(), 10);

    let shop = CONFIG.split_once("[binding.web]").unwrap().1.replace("web", "shop");
    let more = format!("{}[binding.shop]{shop}", more.replace(":9\"", ":99\""));
    stage.edit(&more);
    let report = stage.steering.reload().await.unwrap();
    assert_eq!((report.added, report.changed), (vec!["shop".to_owned()], vec!["web".to_owned()]));
    assert_eq!(report.needs_restart, ["source.meter"], "and it says so");
    stage.turn().await;
    assert_eq!(stage.desired(), 3);
    stage.edit("[driver.local.process]\n[source.meter.prometheus]\nurl = \"http://127.0.0.1:9\"\n");
    assert_eq!(stage.steering.reload().await.unwrap().removed, ["shop", "web"]);
    stage.steering.turn_now(None, Trigger::Manual { who: "ada".to_owned() }).await.unwrap();
    stage.until(|view| view.seats.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_say_holds_over_a_restart_and_ends_in_time() {
    let stage = Stage::set(CONFIG).await;
    let target = stage.target.clone();
    let until_ms = stage.clock.now_ms() + 3_600_000;
    stage.steering.pause(&target, Some(until_ms), "ada").await.unwrap();
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 2);
    assert!(restraints(&stage).iter().any(|one| matches!(one, Restraint::Paused { by, .. } if by == "ada")));

    let stage = stage.restart().await;
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 2, "it is paused still");
    stage.clock.jump(3_600_000);
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 10, "it has ended");
    assert_eq!(stage.steering.steered().pauses.len(), 1);
    stage.steering.sweep().await.unwrap();
    assert!(stage.steering.steered().pauses.is_empty());

    let far = stage.steering.pin(&target, 11, None, "ada").await.unwrap_err();
    assert!(matches!(far, SteerError::OutOfRange { max: 10, .. }), "{far}");
    stage.steering.pin(&target, 4, None, "ada").await.unwrap();
    stage.until(|view| view.target.desired == 4 && view.in_flight.is_none()).await;
    let stage = stage.restart().await;
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 4);
    assert!(restraints(&stage).iter().any(|one| matches!(one, Restraint::Pinned { pinned: 4, wished: 10, .. })));
    assert!(stage.steering.unpin(&target, "ada").await.unwrap());

    let freeze = Freeze { why: "an incident".to_owned(), until_ms: None };
    stage.steering.freeze(Some(freeze)).await.unwrap();
    let stage = stage.restart().await;
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 4);
    assert!(restraints(&stage).iter().any(|one| matches!(one, Restraint::Frozen { why, .. } if why == "an incident")));
    stage.steering.freeze(None).await.unwrap();
    stage.turn().await;
    assert_eq!(stage.desired(), 10);

    let past = stage.steering.pause(&target, Some(1), "ada").await.unwrap_err();
    assert!(matches!(past, SteerError::Past { .. }), "{past}");
    let nobody = stage.steering.pause(&"local/nobody".parse().unwrap(), None, "ada").await.unwrap_err();
    assert!(matches!(nobody, SteerError::UnknownTarget { .. }), "{nobody}");
    assert!(!stage.steering.resume(&target, "ada").await.unwrap(), "there was none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_active_version_outlives_the_host() {
    let stage = Stage::set(CONFIG).await;
    let pushed = stage.push(&tracking(1)).await.digest;
    stage.steering.activate(TRACKING, &pushed, None, "ada").await.unwrap();
    let stage = stage.restart().await;
    stage.turn().await;
    assert_eq!(stage.last_digests().await, *std::slice::from_ref(&pushed));
    stage.steering.rollback(TRACKING, None, "ada").await.unwrap();
    stage.turn().await;
    assert_eq!(stage.last_digests().await, [built_in()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_raises_at_once_and_never_lowers() {
    let stage = Stage::set(CONFIG).await;
    let event = Trigger::Event { what: "a reading was pushed".to_owned() };
    let only = || Some(BTreeSet::from([stage.target.clone()]));
    stage.load(300.0);
    stage.steering.turn_soon([stage.target.clone()].into(), &event);
    stage.until(|view| view.target.desired == 6 && view.in_flight.is_none()).await;
    stage.load(50.0);
    stage.steering.turn_now(only(), event.clone()).await.unwrap();
    assert_eq!(stage.desired(), 6);
    assert!(restraints(&stage).iter().any(|one| matches!(one, Restraint::EventTurn { .. })));
    stage.turn().await;
    assert_eq!(stage.desired(), 1);
    let nobody = Some(BTreeSet::from(["local/nobody".parse().unwrap()]));
    let refused = stage.steering.turn_now(nobody, event).await.unwrap_err();
    assert!(matches!(refused, SteerError::UnknownTarget { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_operator_withholds_is_withheld() {
    let stage = Stage::set(CONFIG).await;
    let pushed = stage.push(&tracking(1)).await.digest;
    let grants = |json: serde_json::Value| serde_json::from_value(json).unwrap();
    let registry = stage.steering.registry();
    registry.grant(&pushed, grants(serde_json::json!({ "bindings": ["shop"] }))).await.unwrap();
    let refused = stage.steering.activate(TRACKING, &pushed, None, "ada").await.unwrap_err();
    assert!(refused.to_string().contains("does not let"), "{refused}");
    registry.grant(&pushed, grants(serde_json::json!({ "kinds": ["restart"] }))).await.unwrap();
    stage.steering.activate(TRACKING, &pushed, None, "ada").await.unwrap();
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 2, "it may not scale");
    assert!(
        restraints(&stage).iter().any(|one| matches!(one, Restraint::NotGranted { .. })),
        "{:?}",
        restraints(&stage)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_by_the_api_goes_before_the_files_and_is_changed_only_as_seen() {
    let stage = Stage::set(CONFIG).await;
    let steering = &stage.steering;
    let own = |max: u32| {
        serde_json::json!({
            "select": { "driver": "local", "labels": { "app": "web" } },
            "every": "1h",
            "replicas": { "min": 1, "max": max },
            "stabilization": { "up": "0s", "down": "0s" },
            "cooldown": { "up": "0s", "down": "0s" },
            "reading": [{ "name": "load", "source": "meter", "query": "load" }],
            "policy": [{ "use": TRACKING, "params": { "reading": "load", "target": 50.0 } }],
        })
    };
    let first = steering.put_binding("web", &own(4), Some(0)).await.unwrap();
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 4);
    let stale = steering.put_binding("web", &own(5), Some(0)).await.unwrap_err();
    assert!(matches!(stale, SteerError::Stale { expected: 0, found } if found == first), "{stale}");
    let wrong = steering.put_binding("web", &serde_json::json!({ "every": "soon", "max": null }), None).await;
    assert!(matches!(wrong, Err(SteerError::Complaints(_))), "{wrong:?}");
    let wrong = steering.put_binding("web", &own(0), Some(first)).await.unwrap_err().to_string();
    assert!(wrong.contains("binding.web.replicas"), "{wrong}");
    let second = steering.put_binding("web", &own(5), Some(first)).await.unwrap();
    assert_eq!(steering.reload().await.unwrap().unchanged, 1, "the file's of that name does not hold");

    let stage = stage.restart().await;
    stage.load(500.0);
    stage.turn().await;
    assert_eq!(stage.desired(), 5);
    let kept = stage.steering.own_bindings().await.unwrap();
    assert_eq!((kept[0].name.as_str(), kept[0].version, &kept[0].document), ("web", second, &own(5)));
    let stale = stage.steering.remove_binding("web", Some(first)).await.unwrap_err();
    assert!(matches!(stale, SteerError::Stale { .. }), "{stale}");
    stage.steering.remove_binding("web", Some(second)).await.unwrap();
    stage.turn().await;
    assert_eq!(stage.desired(), 10, "the file's holds again");
    let none = stage.steering.remove_binding("web", None).await.unwrap_err();
    assert!(matches!(none, SteerError::UnknownBinding { .. }), "{none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_along_hears_what_happens() {
    let stage = Stage::set(CONFIG).await;
    let (_, mut coming) = stage.steering.events(0);
    stage.load(200.0);
    stage.turn().await;
    stage.steering.pause(&stage.target, None, "ada").await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.push(coming.recv().await.unwrap());
    }
    let words: Vec<&str> = heard
        .iter()
        .map(|event| match &event.what {
            Happening::Begun { to: Some(4), .. } => "begun",
            Happening::Ended { .. } => "ended",
            Happening::Steered { text, .. } if text == "paused by ada" => "paused",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(words, ["begun", "ended", "paused"]);
    let (missed, _) = stage.steering.events(heard[0].number);
    assert_eq!(missed, heard[1..]);
}

async fn state(stage: &Stage, digest: &str) -> VersionState {
    stage.steering.registry().version(digest).await.unwrap().unwrap().state
}

fn restraints(stage: &Stage) -> Vec<Restraint> {
    stage.view().seats.iter().flat_map(|seat| seat.restraints.clone()).collect()
}
