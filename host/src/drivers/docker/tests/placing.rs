//! On which engine a new container is made.

use super::super::place::{Candidate, Lack, Wish, place};
use super::*;

fn engine(name: &str, of_workload: usize) -> Candidate {
    Candidate {
        name: name.to_owned(),
        zone: String::new(),
        labels: BTreeMap::new(),
        schedulable: true,
        reached: true,
        of_workload,
        of_all: of_workload,
        memory_bytes: 1_000,
        promised_bytes: 0,
        lacks: None,
    }
}

fn chosen(
    candidates: &[Candidate],
    wanted: &[(&str, &str)],
    prefers: &[&str],
    memory_bytes: u64,
) -> Result<String, String> {
    let (labels, prefers) = (labels(wanted), prefers.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let wish = Wish { labels: &labels, prefers: &prefers, memory_bytes };
    place(candidates, wish).map(|candidate| candidate.name.clone())
}

#[test]
fn instances_are_spread_over_zones_and_then_engines() {
    assert_eq!(chosen(&[engine("a", 2), engine("b", 1)], &[], &[], 0).unwrap(), "b");
    let zoned = |name: &str, zone: &str, count| Candidate { zone: zone.to_owned(), ..engine(name, count) };
    let all = [zoned("a", "east", 0), zoned("b", "east", 2), zoned("c", "west", 1)];
    assert_eq!(chosen(&all, &[], &[], 0).unwrap(), "c", "east has two already");
}

#[test]
fn an_engine_with_room_goes_before_one_without() {
    let full = Candidate { promised_bytes: 900, ..engine("a", 0) };
    assert_eq!(chosen(&[full.clone(), engine("b", 3)], &[], &[], 500).unwrap(), "b");
    assert_eq!(chosen(&[full], &[], &[], 500).unwrap(), "a", "better there than nowhere: limits are no reservations");
}

#[test]
fn a_policy_may_prefer_and_labels_decide() {
    let ssd = Candidate { labels: labels(&[("disk", "ssd")]), ..engine("b", 5) };
    assert_eq!(chosen(&[engine("a", 0), ssd.clone()], &[("disk", "ssd")], &["a"], 0).unwrap(), "b");
    assert_eq!(chosen(&[engine("a", 0), ssd], &[], &["b"], 0).unwrap(), "b");
}

#[test]
fn where_nobody_can_take_it_each_reason_is_told() {
    let silent = Candidate { reached: false, ..engine("a", 0) };
    let closed = Candidate { schedulable: false, ..engine("b", 0) };
    let why = chosen(&[silent, closed, engine("c", 0)], &[("disk", "ssd")], &[], 0).unwrap_err();
    assert_eq!(why, "no host can take it: a does not answer, b is not schedulable, c has no label disk=ssd");
}

#[test]
fn an_engine_without_the_image_or_the_volumes_is_left_out_and_says_so() {
    let bare = |name: &str, lack: Lack| Candidate { lacks: Some(lack), ..engine(name, 0) };
    let image = bare("a", Lack::Image("web:1".to_owned()));
    assert_eq!(chosen(&[image.clone(), engine("b", 7)], &[], &["a"], 0).unwrap(), "b", "though it has more of them");
    let why = chosen(&[image, bare("b", Lack::Volume("data".to_owned()))], &[], &[], 0).unwrap_err();
    let wanted = "no host can take it: a has no image web:1, and no registry is known for it: load it there, b has no volume data, \
                  and would make an empty one: make it there, or set empty_volumes for the workload";
    assert_eq!(why, wanted);
}
