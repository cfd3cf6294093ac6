//! Which wishes count, and how they join.

use super::*;

#[test]
fn a_kind_needs_the_manifest_the_operator_and_the_backend() {
    let restrict = |change: fn(&mut Vote)| {
        let mut vote = says(vec![scale(5)]);
        change(&mut vote);
        Story::of(3).vote(vote).outcome()
    };
    assert_eq!(restrict(|_| ()), (5, vec![]));
    assert_eq!(restrict(|vote| vote.declared.clear()), (3, vec!["not-declared"]));
    assert_eq!(restrict(|vote| vote.granted.clear()), (3, vec!["not-granted"]));
    let unable = Story::of(3).scale(5).see(|snapshot| snapshot.target.abilities.kinds.clear());
    assert_eq!(unable.outcome(), (3, vec!["backend-cannot"]));
    let unknown = Proposal { kind: ProposalKind::Other("teleport".to_owned()), ..Proposal::default() };
    assert_eq!(Story::of(3).vote(says(vec![unknown])).outcome(), (3, vec!["kind-unknown"]));
    let empty = Proposal { kind: ProposalKind::Scale, ..Proposal::default() };
    assert_eq!(Story::of(3).vote(says(vec![empty])).outcome(), (3, vec!["nothing-asked"]));
}

#[test]
fn an_absurd_number_is_refused_and_forbids_others_to_lower() {
    assert_eq!(Story::of(5).scale(u32::MAX).outcome(), (5, vec!["absurd"]));
    let gigantic = || vote("b", VoteAnswer::Proposals(vec![resize(cpu(u64::MAX), memory(64))]));
    assert_eq!(Story::of(5).vote(gigantic()).outcome(), (5, vec!["absurd"]));
    assert_eq!(Story::of(5).scale(3).vote(gigantic()).outcome(), (5, vec!["absurd", "lowering-faulted"]));
    assert_eq!(Story::of(5).scale(7).vote(gigantic()).outcome(), (7, vec!["absurd"]));
    let open = Proposal { at_most: Some(u32::MAX), ..scale(7) };
    assert_eq!(Story::of(5).vote(says(vec![open])).outcome(), (7, vec![]), "a ceiling out of reach is none");
}

#[test]
fn names_that_do_not_exist_are_refused() {
    let ghost = act(ProposalKind::Restart, &["i0", "ghost"]);
    let ruling = Story::of(3).vote(says(vec![ghost])).decide();
    assert_eq!(codes(&ruling), ["instance-unknown"]);
    assert_eq!(ruling.decision.unwrap().actions()[0].instance, "i0");

    let mut elsewhere = resize(cpu(600), Resources::default());
    elsewhere.resources[0].container = "sidecar".to_owned();
    assert_eq!(Story::of(3).vote(says(vec![elsewhere])).outcome().1, ["container-unknown"]);
    let size = Proposal { kind: ProposalKind::Resize, size_class: "xxl".to_owned(), ..Proposal::default() };
    assert_eq!(Story::of(3).vote(says(vec![size])).outcome().1, ["size-unknown"]);
}

#[test]
fn the_modes_join_counts() {
    for (combine, joined) in
        [(Combine::Max, 9), (Combine::Min, 6), (Combine::Mean, 8), (Combine::Median, 8), (Combine::First, 8)]
    {
        let story = Story::of(3).set(|settings| settings.combine = combine);
        let story = [8, 9, 6].into_iter().fold(story, Story::scale);
        assert_eq!(story.outcome(), (joined, vec![]), "{combine:?}");
        assert_eq!(story.decide().wish.replicas, Some(joined));
    }
    let two = |combine| Story::of(3).set(|settings| settings.combine = combine).scale(6).scale(9).outcome().0;
    assert_eq!((two(Combine::Mean), two(Combine::Median)), (8, 9), "the mean is rounded up, the median is the upper");
}

#[test]
fn hold_votes_for_what_is_and_silence_does_not() {
    let hold = || says(vec![Proposal::default()]);
    assert_eq!(Story::of(5).scale(3).vote(hold()).outcome().0, 5);
    assert_eq!(Story::of(5).scale(3).vote(says(vec![])).outcome().0, 3);
    let not_applicable = Refusal { kind: RefusalKind::NotApplicable, text: String::new() };
    let abstains = || vote("b", VoteAnswer::Refused(not_applicable.clone()));
    assert_eq!(Story::of(5).scale(3).vote(abstains()).outcome().0, 3);
    assert_eq!(Story::of(5).vote(abstains()).decide().quiet, Some(Quiet::Abstained));
    let first = Story::of(5).set(|settings| settings.combine = Combine::First);
    assert_eq!(first.vote(abstains()).scale(4).scale(2).outcome().0, 4);
}

#[test]
fn floors_and_ceilings_clamp_what_others_wish() {
    let floor = |at_least| Proposal { kind: ProposalKind::Scale, at_least: Some(at_least), ..Proposal::default() };
    let ceiling = |at_most| Proposal { kind: ProposalKind::Scale, at_most: Some(at_most), ..Proposal::default() };
    assert_eq!(Story::of(5).scale(3).vote(says(vec![floor(4)])).outcome().0, 4);
    assert_eq!(Story::of(5).scale(9).vote(says(vec![ceiling(7)])).outcome().0, 7);
    assert_eq!(Story::of(5).vote(says(vec![floor(6)])).outcome().0, 6, "a floor alone raises");
    let both = Story::of(5).vote(says(vec![floor(8), ceiling(2)]));
    assert_eq!(both.outcome(), (8, vec!["floor-above-ceiling"]));
}

#[test]
fn in_every_mode_a_missing_voice_forbids_lowering_and_not_raising() {
    let modes = [Combine::Max, Combine::Min, Combine::Mean, Combine::Median, Combine::First];
    for combine in modes {
        for (answer, code) in
            [(refused(), "lowering-refused"), (faulted(), "lowering-faulted"), (quarantined(), "lowering-quarantined")]
        {
            let story = |count| {
                let story = Story::of(5).set(|settings| settings.combine = combine);
                story.scale(count).vote(vote("b", answer.clone())).outcome()
            };
            assert_eq!(story(3), (5, vec![code]), "{combine:?}");
            assert_eq!(story(7), (7, vec![]), "{combine:?}");
        }
    }
}

#[test]
fn a_refusal_of_an_unknown_kind_is_one_for_missing_data() {
    let other = Refusal { kind: RefusalKind::Other("moon-phase".to_owned()), text: String::new() };
    let story = Story::of(5).scale(3).vote(vote("b", VoteAnswer::Refused(other)));
    assert_eq!(story.outcome(), (5, vec!["lowering-refused"]));
}

#[test]
fn the_fallback_waits_and_only_a_fixed_one_lowers() {
    let run = |behavior, desired| {
        let mut story = Story::of(desired);
        story.settings.fallback = Some(Fallback { after_ms: 60_000, behavior });
        let ruling = (0..6).map(|_| story.turn(vec![vote("a", faulted())])).last().unwrap();
        (story.snapshot.target.desired, ruling)
    };
    assert_eq!(run(Behavior::Hold, 5).0, 5);
    assert_eq!(run(Behavior::IfHigher(8), 5).0, 8);
    assert_eq!(run(Behavior::IfHigher(3), 5).0, 5);
    assert_eq!(run(Behavior::Fixed(3), 5).0, 3);
    let mut story = Story::of(5);
    story.settings.fallback = Some(Fallback { after_ms: 60_000, behavior: Behavior::Fixed(3) });
    for _ in 0..4 {
        assert_eq!(to(&story.turn(vec![vote("a", faulted())])), None, "not before its time");
    }
    assert_eq!(to(&story.turn(vec![says(vec![])])), None, "an answer, even of nothing, starts the time anew");
    for _ in 0..4 {
        assert_eq!(to(&story.turn(vec![vote("a", quarantined())])), None);
    }
    let ruling = story.turn(vec![vote("a", quarantined())]);
    assert_eq!(ruling.decision.unwrap().origin(), Origin::Fallback);
}

#[test]
fn conflicting_actions_on_one_instance_cancel_each_other() {
    let story = Story::of(3).set(|settings| settings.unavailable_max = 3);
    let story = story
        .vote(says(vec![act(ProposalKind::Restart, &["i0", "i1"])]))
        .vote(says(vec![act(ProposalKind::Replace, &["i1"]), act(ProposalKind::Restart, &["i0"])]));
    let ruling = story.decide();
    assert_eq!(codes(&ruling), ["actions-conflict"]);
    let actions = ruling.decision.unwrap().actions().to_vec();
    assert_eq!(actions, [InstanceAction { kind: ActionKind::Restart, instance: "i0".to_owned() }]);
}
