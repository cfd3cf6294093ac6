//! All or nothing.

use super::*;

fn grouped(mut proposal: Proposal) -> Proposal {
    proposal.group = 1;
    proposal
}

fn wider_and_smaller() -> Story {
    let smaller = resize(Resources::default(), cpu(800));
    Story::of(4).vote(says(vec![grouped(scale(6)), grouped(smaller)]))
}

#[test]
fn a_group_is_done_whole() {
    let decision = wider_and_smaller().decide().decision.unwrap();
    assert_eq!(decision.replicas().unwrap().to, 6);
    assert_eq!(decision.resize()[0].limits.cpu_millis, Some(800));
    assert!(decision.lowers_size());
    let larger = resize(cpu(600), cpu(1_200));
    let decision = Story::of(4).vote(says(vec![grouped(scale(6)), grouped(larger)])).decide().decision.unwrap();
    assert!(!decision.lowers_size());
}

#[test]
fn a_restraint_on_a_part_drops_the_whole() {
    let restraints: [(&str, fn(&mut Story)); 5] = [
        ("above-max", |story| story.settings.replicas.max = 5),
        ("lowering-faulted", |story| story.votes.push(vote("b", faulted()))),
        ("reading-missing", |story| story.snapshot.readings[0].freshness = Freshness::Absent),
        ("not-granted", |story| story.votes[0].granted.retain(|kind| *kind != ProposalKind::Resize)),
        ("step", |story| story.settings.resize_step.min = Some(0.1)),
    ];
    for (code, restrain) in restraints {
        let mut story = wider_and_smaller();
        restrain(&mut story);
        let ruling = story.decide();
        assert!(ruling.decision.is_none(), "{code}");
        assert_eq!(codes(&ruling), [code, "group-dropped"]);
        assert_eq!(ruling.wish.replicas, Some(6), "the raw wish is recorded all the same");
    }
}

#[test]
fn outside_the_group_life_goes_on() {
    let mut story = wider_and_smaller().set(|settings| settings.cpu_millis.min = Some(900));
    story.votes.push(vote("b", VoteAnswer::Proposals(vec![scale(5)])));
    let ruling = story.decide();
    assert_eq!(to(&ruling), Some(5));
    story.votes[1].answer = VoteAnswer::Proposals(vec![scale(2)]);
    assert_eq!(to(&story.decide()), None, "in place of the group stands a vote for what is");
}

#[test]
fn groups_of_two_policies_are_judged_apart() {
    let of_b = vec![grouped(act(ProposalKind::Restart, &["i0"])), grouped(act(ProposalKind::Restart, &["ghost"]))];
    let story = wider_and_smaller().vote(vote("b", VoteAnswer::Proposals(of_b)));
    let ruling = story.decide();
    assert_eq!(codes(&ruling), ["instance-unknown", "group-dropped"]);
    let decision = ruling.decision.unwrap();
    assert!(decision.actions().is_empty() && decision.replicas().is_some());
}

#[test]
fn hundreds_of_groups_end() {
    let proposals = (1..400).map(|group| Proposal { group, ..scale(1_000 + group) }).collect();
    let ruling = Story::of(4).vote(says(proposals)).decide();
    assert!(ruling.decision.is_none());
}
