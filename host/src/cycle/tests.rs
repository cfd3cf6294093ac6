//! Plans, how far they came, and how long a failing policy is left alone. Whole turns are told by the stories.

use super::plan::plan;
use super::reconcile::{Standing, pending, standing};
use super::state::{SlotState, TargetState};
use crate::bounds::{Decision, Gates, Past, Question, Settings, Vote, VoteAnswer, decide};
use crate::drivers::memory::{MemoryDriver, MemorySettings, MemoryTarget};
use crate::drivers::{Plan, PlanStage, Step};
use crate::policy::{ContainerResources, Proposal, ProposalKind};
use crate::snapshot::{Instance, Phase, Resources, SNAPSHOT_FORMAT, Snapshot};

mod plans {
    use super::*;

    #[test]
    fn a_raise_makes_awaits_and_enters_each_new_instance() {
        let plan = to_count(&web(&[Phase::Ready, Phase::Ready]), 4, false);
        assert_eq!(
            words(&plan),
            [
                "grow: create web-k1-1, await-ready web-k1-1, register web-k1-1",
                "grow: create web-k1-2, await-ready web-k1-2, register web-k1-2",
            ]
        );
    }

    #[test]
    fn a_lowering_drains_before_it_stops() {
        let plan = to_count(&web(&[Phase::Ready, Phase::Ready]), 1, false);
        assert_eq!(plan.removed().count(), 1);
        let id = plan.removed().next().unwrap();
        assert_eq!(words(&plan), [format!("shrink: drain {id}, deregister {id}, stop {id}, remove {id}")]);
    }

    #[test]
    fn a_trade_gives_before_it_takes() {
        let instances = web(&[Phase::Ready; 3]);
        let more_and_smaller = plan(&traded(&instances, 4, 500), &instances, false);
        assert_eq!(
            words(&more_and_smaller),
            ["grow: create web-k1-1, await-ready web-k1-1, register web-k1-1", "shrink: resize"],
            "a resize that takes away waits for what is new to be confirmed"
        );
        let fewer_and_larger = words(&plan(&traded(&instances, 2, 2_000), &instances, false));
        assert_eq!(fewer_and_larger[0], "grow: resize");
        assert!(fewer_and_larger[1].starts_with("shrink: drain"), "{fewer_and_larger:?}");
        let both = words(&plan(&traded(&instances, 4, 2_000), &instances, false));
        assert_eq!(both[1], "grow: resize", "what only gives waits for nobody");
        let smaller = words(&plan(&traded(&instances, 3, 500), &instances, false));
        assert_eq!(smaller, ["grow: resize"]);
    }

    #[test]
    fn a_raise_clears_the_dead_away_and_counts_them_for_nothing() {
        let plan = to_count(&web(&[Phase::Ready, Phase::Failed]), 3, false);
        assert_eq!(plan.created().count(), 2, "one serves, three are wanted");
        assert_eq!(plan.removed().collect::<Vec<_>>(), ["web-2"]);
        assert!(plan.stages.iter().all(|stage| !stage.shrinks), "the dead need no drain");
    }

    #[test]
    fn a_raise_while_many_are_lost_makes_what_is_more_and_no_lost_one_anew() {
        let mut phases = [Phase::Ready; 6];
        phases[3..].fill(Phase::Lost);
        let plan = to_count(&web(&phases), 8, false);
        assert_eq!(plan.created().count(), 2, "six were desired, eight are: {:?}", words(&plan));
        assert_eq!(plan.removed().count(), 0);
        // One lost of six is a mishap: it is made anew.
        phases[3..5].fill(Phase::Ready);
        assert_eq!(to_count(&web(&phases), 8, false).created().count(), 3);
    }

    #[test]
    fn a_raise_while_many_have_failed_clears_none_of_them_away() {
        let mut phases = [Phase::Ready; 6];
        phases[3..].fill(Phase::Failed);
        let plan = to_count(&web(&phases), 8, false);
        assert_eq!(plan.created().count(), 5, "what has failed is certainly gone");
        assert_eq!(plan.removed().count(), 0, "deregistering stops: {:?}", words(&plan));
        phases[3..5].fill(Phase::Ready);
        assert_eq!(to_count(&web(&phases), 8, false).removed().count(), 1);
    }

    #[test]
    fn a_backend_that_counts_is_told_the_count() {
        let instances = web(&[Phase::Ready, Phase::Ready]);
        assert_eq!(words(&to_count(&instances, 5, true)), ["grow: set-count"]);
        assert_eq!(words(&to_count(&instances, 1, true)), ["shrink: set-count"]);
    }
}

mod standings {
    use super::*;

    #[test]
    fn nothing_of_it_was_done() {
        let instances = web(&[Phase::Ready, Phase::Ready]);
        let plan = to_count(&instances, 3, false);
        assert_eq!(standing(&plan, Some(&instances)), Standing::Absent);
        assert!(pending(&plan, &instances).is_empty(), "nothing of it is on its way");
    }

    #[test]
    fn a_part_of_it_was_done() {
        let mut instances = web(&[Phase::Ready, Phase::Ready]);
        let plan = to_count(&instances, 4, false);
        instances.push(Instance { id: "web-k1-1".into(), phase: Phase::Starting, ..instances[0].clone() });
        assert_eq!(standing(&plan, Some(&instances)), Standing::Partial, "it exists and does not serve");
        assert_eq!(pending(&plan, &instances), ["web-k1-1 to be ready"]);
        instances[2].phase = Phase::Unknown;
        assert_eq!(pending(&plan, &instances), ["web-k1-1 to be ready"], "nobody has said that it is");
        instances[2].phase = Phase::Ready;
        assert_eq!(standing(&plan, Some(&instances)), Standing::Partial, "the other is missing");
    }

    #[test]
    fn all_of_it_was_done() {
        let mut instances = web(&[Phase::Ready, Phase::Ready]);
        let plan = to_count(&instances, 1, false);
        let victim = plan.removed().next().unwrap().to_owned();
        let at = instances.iter().position(|instance| instance.id == victim).unwrap();
        instances[at].phase = Phase::Stopping;
        assert_eq!(pending(&plan, &instances), [format!("{victim} to end")]);
        instances[at].phase = Phase::Unknown;
        assert_eq!(pending(&plan, &instances), [format!("{victim} to end")], "nobody has said that it serves");
        instances.remove(at);
        assert_eq!(standing(&plan, Some(&instances)), Standing::Applied);
        assert!(pending(&plan, &instances).is_empty());
    }

    #[test]
    fn what_leaves_no_trace_or_has_no_whole_list_is_unknown() {
        let instances = web(&[Phase::Ready]);
        assert_eq!(standing(&to_count(&instances, 3, true), Some(&instances)), Standing::Unknown);
        assert_eq!(standing(&to_count(&instances, 3, false), None), Standing::Unknown);
    }

    #[test]
    fn a_resize_beside_steps_that_are_done_is_a_part() {
        let instances = web(&[Phase::Ready]);
        let lanes = vec![vec![Step::Remove { instance: "web-9".into() }], vec![Step::Resize]];
        let plan = Plan { stages: vec![PlanStage { shrinks: false, lanes }] };
        assert_eq!(standing(&plan, Some(&instances)), Standing::Partial);
    }
}

mod quarantine {
    use super::*;

    const MINUTE_MS: u64 = 60_000;

    #[test]
    fn begins_after_a_minute_of_faults_however_many_they_were() {
        let mut slot = SlotState::default();
        assert_eq!(slot.faulted(0), None);
        for now_ms in [1, 2, 3, 59_999] {
            assert_eq!(slot.faulted(now_ms), None, "{now_ms}");
        }
        assert_eq!(slot.faulted(MINUTE_MS), Some(2 * MINUTE_MS));
        assert!(slot.is_quarantined(2 * MINUTE_MS - 1));
        assert!(!slot.is_quarantined(2 * MINUTE_MS), "then it is tried once");
    }

    #[test]
    fn doubles_with_every_trial_that_fails_up_to_an_hour() {
        let mut slot = SlotState::default();
        let mut now_ms = 1;
        slot.faulted(now_ms);
        now_ms += MINUTE_MS;
        let mut minutes = Vec::new();
        for _ in 0..9 {
            let until_ms = slot.faulted(now_ms).unwrap();
            minutes.push((until_ms - now_ms) / MINUTE_MS);
            now_ms = until_ms;
        }
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn ends_with_an_answer_or_a_new_version() {
        let put_in = |digest: &str| {
            let mut slot = SlotState::default();
            slot.meet(digest);
            slot.faulted(0);
            slot.faulted(MINUTE_MS).unwrap();
            slot
        };
        let mut slot = put_in("one");
        slot.meet("one");
        assert!(slot.is_quarantined(MINUTE_MS));
        slot.meet("two");
        assert!(!slot.is_quarantined(MINUTE_MS), "the faults were the old version's");
        let mut slot = put_in("one");
        slot.answered(1, None);
        assert!(!slot.is_quarantined(MINUTE_MS));
        assert_eq!(slot.faulted(2 * MINUTE_MS), None, "it begins anew");
    }

    #[test]
    fn a_fault_in_between_keeps_memory_and_another_format_does_not() {
        let mut slot = SlotState::default();
        slot.answered(1, Some(vec![7]));
        slot.faulted(0);
        slot.answered(1, None);
        assert_eq!(slot.memory_for(1), [7]);
        assert!(slot.memory_for(2).is_empty());
    }
}

#[test]
fn what_is_kept_of_a_target_is_read_back_as_it_was() {
    let mut state = TargetState { desired: Some(3), ..TargetState::default() };
    let seat = state.seats.entry("web".to_owned()).or_default();
    seat.slots.entry("tracking".to_owned()).or_default().answered(2, Some(vec![0, 255]));
    let json = serde_json::to_vec(&state).unwrap();
    assert_eq!(serde_json::from_slice::<TargetState>(&json).unwrap(), state);
}

/// Instances `web-1`, `web-2` … in these phases.
fn web(phases: &[Phase]) -> Vec<Instance> {
    let driver = MemoryDriver::new("local", MemorySettings::default());
    driver.insert(MemoryTarget::new("web", u32::try_from(phases.len()).unwrap())).unwrap();
    let instances = driver.instances("web").into_iter().zip(phases);
    instances.map(|(instance, phase)| Instance { phase: *phase, ..instance }).collect()
}

/// The plan of a change to so many replicas; its key is `k1`.
fn to_count(instances: &[Instance], to: u32, backend_counts: bool) -> Plan {
    plan(&decision(instances, to), instances, backend_counts)
}

fn decision(instances: &[Instance], to: u32) -> Decision {
    decided(instances, vec![Proposal { kind: ProposalKind::Scale, count: Some(to), ..Proposal::default() }])
}

/// So many replicas of so many millicores, in one group; they have 1000 each.
fn traded(instances: &[Instance], to: u32, cpu_millis: u64) -> Decision {
    let figures = Resources { cpu_millis: Some(cpu_millis), memory_bytes: None };
    let resources = ContainerResources { container: String::new(), requests: Resources::default(), limits: figures };
    let (count, group) = (Some(to), 1);
    decided(
        instances,
        vec![
            Proposal { kind: ProposalKind::Scale, count, group, ..Proposal::default() },
            Proposal { kind: ProposalKind::Resize, resources: vec![resources], group, ..Proposal::default() },
        ],
    )
}

fn decided(instances: &[Instance], proposals: Vec<Proposal>) -> Decision {
    let count = u32::try_from(instances.len()).unwrap();
    let ready = instances.iter().filter(|instance| instance.phase == Phase::Ready).count();
    let snapshot: Snapshot = serde_json::from_value(serde_json::json!({
        "format": SNAPSHOT_FORMAT,
        "now_ms": 1_000_000,
        "target": {
            "id": "local/web", "desired": count, "total": count, "ready": ready,
            "containers": [{ "name": "main", "limits": { "cpu_millis": 1000 } }],
            "abilities": { "victims": "exact", "resize": "live", "supersede": false, "kinds": ["scale", "resize"] },
            "limits": { "replicas_min": 0, "replicas_max": 10 },
        },
        "instances": instances,
    }))
    .unwrap();
    let kinds = vec![ProposalKind::Scale, ProposalKind::Resize];
    let votes = [Vote {
        slot: "story".to_owned(),
        granted: kinds.clone(),
        declared: kinds,
        answer: VoteAnswer::Proposals(proposals),
    }];
    let settings = Settings { stabilize_down_ms: 0, ..Settings::default() };
    let ruling = decide(&Question {
        snapshot: &snapshot,
        settings: &settings,
        votes: &votes,
        past: &Past::default(),
        gates: &Gates::default(),
        key: "k1",
        lease_epoch: 1,
        lease_expires_ms: u64::MAX,
    });
    ruling.decision.unwrap_or_else(|| panic!("{:?}", ruling.restraints))
}

/// A plan, a line per lane.
fn words(plan: &Plan) -> Vec<String> {
    let lanes = plan.stages.iter().flat_map(|stage| stage.lanes.iter().map(move |lane| (stage.shrinks, lane)));
    lanes
        .map(|(shrinks, lane)| {
            let steps = lane.iter().map(|step| {
                step.instance().map_or_else(|| step.as_str().to_owned(), |id| format!("{} {id}", step.as_str()))
            });
            let steps: Vec<String> = steps.collect();
            format!("{}: {}", if shrinks { "shrink" } else { "grow" }, steps.join(", "))
        })
        .collect()
}
