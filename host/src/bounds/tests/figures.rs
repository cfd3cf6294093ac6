//! Requests and limits of containers.

use super::*;

/// The figures after the decision: CPU request and limit in millis, memory request and limit in MiB; and the codes.
fn figures(story: &Story) -> ([u64; 4], Vec<&'static str>) {
    let ruling = story.decide();
    let done = ruling.decision.as_ref().and_then(|decision| decision.resize().first().cloned()).unwrap_or_default();
    let now = &story.snapshot.target.containers[0];
    let figures = [
        done.requests.cpu_millis.or(now.requests.cpu_millis).unwrap_or(0),
        done.limits.cpu_millis.or(now.limits.cpu_millis).unwrap_or(0),
        done.requests.memory_bytes.or(now.requests.memory_bytes).unwrap_or(0) / MIB,
        done.limits.memory_bytes.or(now.limits.memory_bytes).unwrap_or(0) / MIB,
    ];
    (figures, codes(&ruling))
}

fn wishing(requests: Resources, limits: Resources) -> Story {
    Story::of(3).vote(says(vec![resize(requests, limits)]))
}

const NONE: Resources = Resources { cpu_millis: None, memory_bytes: None };

#[test]
fn figures_combine_each_on_its_own() {
    let story =
        wishing(cpu(600), memory(600)).vote(vote("b", VoteAnswer::Proposals(vec![resize(cpu(700), memory(550))])));
    assert_eq!(figures(&story), ([700, 1_000, 256, 600], vec![]));
    let story = story.set(|settings| settings.combine = Combine::Min);
    assert_eq!(figures(&story), ([600, 1_000, 256, 550], vec![]));
}

#[test]
fn the_range_holds_and_corrects_figures() {
    let bounded = |story: Story| story.set(|s| s.cpu_millis = Range { min: Some(200), max: Some(1_200) });
    assert_eq!(figures(&bounded(wishing(NONE, cpu(9_000_000)))), ([500, 1_200, 256, 512], vec!["above-max"]));
    assert_eq!(figures(&bounded(wishing(cpu(0), NONE))), ([200, 1_000, 256, 512], vec!["below-min"]));
    let outside = Story::of(3).set(|s| s.cpu_millis = Range { min: Some(100), max: Some(800) });
    let ruling = outside.vote(vote("a", faulted())).decide();
    assert_eq!(ruling.decision.unwrap().resize()[0].limits.cpu_millis, Some(800));
}

#[test]
fn memory_never_falls_below_its_recent_peak() {
    let used = |mib: u64, story: Story| story.see(|snapshot| snapshot.instances[1].memory_peak_bytes = Some(mib * MIB));
    assert_eq!(figures(&used(300, wishing(NONE, memory(100)))), ([500, 1_000, 256, 330], vec!["below-peak"]));
    assert_eq!(figures(&used(300, wishing(memory(64), memory(400)))).0, [500, 1_000, 256, 400]);
    assert_eq!(figures(&used(600, wishing(NONE, memory(100)))).0[3], 512, "a wish to lower does not raise");
    let above = used(300, Story::of(3).set(|s| s.memory_bytes.max = Some(200 * MIB)));
    assert_eq!(figures(&above).0[3], 330, "nor does the range kill what runs");
    let blind = wishing(NONE, memory(400)).see(|snapshot| {
        snapshot.instances.iter_mut().for_each(|instance| instance.memory_peak_bytes = None);
    });
    assert_eq!(figures(&blind), ([500, 1_000, 256, 512], vec!["peak-unknown"]));
}

#[test]
fn steps_are_shares_and_rounding_goes_towards_what_is() {
    let stepped = |limits| {
        wishing(NONE, limits).set(|settings| {
            settings.resize_step = Range { min: Some(0.1), max: Some(0.5) };
            settings.cpu_step_millis = 200;
        })
    };
    assert_eq!(figures(&stepped(cpu(3_000))), ([500, 1_400, 256, 512], vec!["step", "rounded"]));
    assert_eq!(figures(&stepped(cpu(650))), ([500, 1_000, 256, 512], vec!["step", "rounded"]));
    assert_eq!(figures(&stepped(cpu(1_010))), ([500, 1_200, 256, 512], vec![]), "wishes are rounded up");
}

#[test]
fn resizes_cool_down_by_themselves() {
    let cool = Cooldown { up_ms: 60_000, down_ms: 120_000 };
    let mut story = Story::of(3).set(|settings| settings.resize_cooldown = cool);
    let wish = |millis| vec![says(vec![resize(NONE, cpu(millis)), scale(4)])];
    assert!(story.turn(wish(1_100)).decision.is_some());
    story.snapshot.target.containers[0].limits.cpu_millis = Some(1_100);
    assert_eq!(codes(&story.turn(wish(1_200))), ["cooling-down"]);
    assert_eq!(codes(&story.turn(wish(1_000))), ["cooling-down"]);
    let scaled = story.turn(vec![says(vec![scale(6)])]);
    assert_eq!(to(&scaled), Some(6), "the count does not cool down with it");
    story.later(60_000);
    assert!(story.turn(wish(1_200)).decision.is_some());
}

#[test]
fn figures_stabilize_too() {
    let mut story = Story::of(3).set(|settings| settings.stabilize_down_ms = 30_000);
    let wish = |millis| vec![says(vec![resize(NONE, cpu(millis))])];
    assert_eq!(codes(&story.turn(wish(700))), ["stabilized"], "a window begins with the present value");
    assert_eq!(codes(&story.turn(wish(700))), ["stabilized"]);
    let ruling = story.turn(wish(600));
    assert_eq!(ruling.decision.unwrap().resize()[0].limits.cpu_millis, Some(700));
}

#[test]
fn a_request_stays_within_its_limit() {
    assert_eq!(figures(&wishing(cpu(1_500), NONE)), ([1_000, 1_000, 256, 512], vec!["request-above-limit"]));
    assert_eq!(figures(&wishing(cpu(1_500), cpu(2_000))), ([1_500, 2_000, 256, 512], vec![]));
    assert_eq!(figures(&wishing(NONE, cpu(300))), ([500, 500, 256, 512], vec!["request-above-limit"]));
    assert_eq!(figures(&wishing(cpu(200), cpu(300))), ([200, 300, 256, 512], vec![]));
}

#[test]
fn in_flight_nothing_is_resized_and_missing_data_lowers_nothing() {
    let flying = wishing(NONE, cpu(1_100)).see(|snapshot| snapshot.in_flight = Some(in_flight(3, 3, 2_000_000)));
    assert_eq!(figures(&flying).1, ["in-flight"]);
    let blind = |millis| {
        let story = wishing(NONE, cpu(millis));
        figures(&story.see(|snapshot| snapshot.readings[0].freshness = Freshness::Stale))
    };
    assert_eq!(blind(900), ([500, 1_000, 256, 512], vec!["reading-missing"]));
    assert_eq!(blind(1_100).0[1], 1_100);
    assert_eq!(figures(&wishing(NONE, cpu(900)).vote(vote("b", refused()))).1, ["lowering-refused"]);
}

#[test]
fn a_limit_where_there_was_none_is_a_lowering() {
    let unlimited = |story: Story| story.see(|s| s.target.containers[0].limits = NONE);
    assert_eq!(figures(&unlimited(wishing(NONE, cpu(900)))).0[1], 900);
    let doubtful = unlimited(wishing(NONE, cpu(900))).vote(vote("b", faulted()));
    assert_eq!(figures(&doubtful), ([500, 0, 256, 0], vec!["lowering-faulted"]));
}

#[test]
fn a_size_is_taken_whole_or_not() {
    let size = |class: &str, cpu_millis| crate::snapshot::Size {
        class: class.to_owned(),
        resources: Resources { cpu_millis: Some(cpu_millis), memory_bytes: Some(512 * MIB) },
        price_per_hour: None,
    };
    let take = |class: &str| {
        let wish = Proposal { kind: ProposalKind::Resize, size_class: class.to_owned(), ..Proposal::default() };
        let story = Story::of(3).set(|settings| settings.cpu_millis.max = Some(2_000)).vote(says(vec![wish]));
        story.see(|snapshot| snapshot.target.abilities.sizes = vec![size("m", 2_000), size("l", 4_000)]).decide()
    };
    assert_eq!(take("m").decision.unwrap().size_class(), Some("m"));
    let too_large = take("l");
    assert!(too_large.decision.is_none());
    assert_eq!(codes(&too_large), ["above-max", "size-out-of-bounds"]);
}
