use super::{Rehearsal, Scene};
use crate::prelude::*;

parameters! {
    struct Settings {
        /// Refuses to begin with it.
        patience: i64 { default: 2, min: 1, max: 5 },
        mood: String { default: "calm", choices: ["calm", "wild"] },
        names: Vec<String> { default: Vec::new() },
    }
}

memory! {
    format 3, at most 64 bytes;
    struct Seen { times: u32, names: Vec<String> }
}

/// Scales up once it has seen as many moments as its patience.
struct Counting;

impl Policy for Counting {
    type Parameters = Settings;
    type Memory = Seen;
    const ABOUT: About = about!(Kind::Scale);

    fn needs(_: &Settings) -> Result<Needs<'_>, Refusal> {
        Ok(Needs::new())
    }

    fn evaluate(snapshot: &Snapshot<'_>, settings: &Settings, seen: &mut Seen) -> Result<Answer, Refusal> {
        seen.times += 1;
        seen.names.clone_from(&settings.names);
        if i64::from(seen.times) < settings.patience {
            return Ok(Answer::abstain().note(format!("seen {}", seen.times)));
        }
        Ok(Proposal::scale(snapshot.desired() + 1).because(format!("seen {} times", seen.times)).into())
    }
}

#[test]
fn memory_is_carried_from_scene_to_scene() {
    let mut bench = Rehearsal::<Counting>::new();
    bench.play(Scene::new()).abstains().says("seen 1");
    bench.play(Scene::new()).scales_to(2).says("seen 2 times");
    assert_eq!(bench.manifest().memory_format, 3);
}

#[test]
fn damaged_memory_is_empty_and_noted() {
    let mut bench = Rehearsal::<Counting>::new();
    let _ = bench.play(Scene::new());
    bench.set_memory([1, 2, 3]);
    bench.play(Scene::new()).abstains().says("memory of 3 bytes is damaged").says("seen 1");
}

#[test]
fn memory_above_its_bound_keeps_the_former() {
    let mut bench = Rehearsal::<Counting>::new();
    let _ = bench.play(Scene::new());
    let former = bench.memory().to_vec();
    let mut bench = bench.set("names", ["a name that is much too long to be kept in sixty-four bytes of memory"]);
    bench.play(Scene::new()).scales_to(2).says("above its bound of 64");
    assert_eq!(bench.memory(), former);
}

#[test]
fn a_binding_that_the_host_would_refuse_is_refused() {
    let with =
        |name: &str, value: super::Setting| Rehearsal::<Counting>::new().set(name, value).bind().unwrap_err().text;
    assert_eq!(with("patience", 9.into()), "parameter `patience` is 9, not within 1 to 5");
    assert_eq!(with("patience", 1.5.into()), "parameter `patience` is not of type s64");
    assert_eq!(with("mood", "odd".into()), "parameter `mood` is `odd`, none of calm, wild");
    assert_eq!(with("luck", 1.into()), "there is no parameter `luck`");
    let mut bench = Rehearsal::<Counting>::new().set("patience", 9);
    bench.play(Scene::new()).refuses(RefusalKind::ParameterWrong);
}
