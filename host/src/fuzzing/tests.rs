//! Each target on its seeds, on what was found once, and on inputs by chance.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::mutate::Chance;
use super::*;
use crate::registry::builtin::BUILTIN;

/// Inputs of a target whose cost is 1, in an ordinary run and in a long one.
const INPUTS: usize = 2_000;
const INPUTS_LONG: usize = 100_000;
/// Longest input. Some limits are beyond it: they have tests of their own.
const INPUT_BYTES_MAX: usize = 64 << 10;
/// One input takes milliseconds; on a machine that does much else it may take this long.
const PATIENCE: Duration = Duration::from_secs(20);

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz").join(kind)
}

/// The files of a target, by name.
fn files(kind: &str, target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(folder) = fs::read_dir(folder(kind).join(target.name)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Tries one input. The error says which it was, and where it can be found.
fn try_on(target: &Target, input: &[u8], what: &str) -> Result<(), String> {
    let began = Instant::now();
    let tried = std::panic::catch_unwind(|| target.run(input));
    let took = began.elapsed();
    let failed = match tried {
        Err(panic) => panic.downcast::<String>().map_or_else(|_| "panics".to_owned(), |why| *why),
        Ok(()) if took > PATIENCE => format!("took {took:?}"),
        Ok(()) => return Ok(()),
    };
    let kept = std::env::temp_dir().join(format!("trimtab-fuzz-{}", target.name));
    fs::write(&kept, input).unwrap();
    Err(format!("{} on {what}, kept as {}: {failed}", target.name, kept.display()))
}

fn try_out(target: &Target, inputs: usize) -> Result<(), String> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for (path, seed) in files("seeds", target).into_iter().chain(files("found", target)) {
        try_on(target, &seed, &path.display().to_string())?;
        seeds.push(seed);
    }
    assert!(!seeds.is_empty(), "the target {} has no seeds: put one into tests/fuzz/seeds/{0}", target.name);
    if target.name == "upload" {
        // Real policies, as the compiler leaves them.
        seeds.extend(
            BUILTIN.iter().filter(|policy| policy.bytes.len() < INPUT_BYTES_MAX).map(|policy| policy.bytes.to_vec()),
        );
    }
    let mut chance = Chance::new(target.name.len() as u64);
    for number in 0..inputs.div_ceil(target.cost) {
        let input = chance.input(&seeds, INPUT_BYTES_MAX);
        try_on(target, &input, &format!("input {number}"))?;
    }
    Ok(())
}

fn inputs() -> usize {
    if std::env::var_os("TRIMTAB_LONG").is_some_and(|long| long == "1") { INPUTS_LONG } else { INPUTS }
}

/// All targets of a part of the list; in parts, so that they run beside one another.
fn part(part: usize, parts: usize) {
    let (mut took, mut failed) = (Vec::new(), Vec::new());
    for target in TARGETS.iter().skip(part).step_by(parts) {
        let began = Instant::now();
        failed.extend(try_out(target, inputs()).err());
        took.push(format!("{} {:.1} s", target.name, began.elapsed().as_secs_f64()));
    }
    println!("{}", took.join(", "));
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n"));
}

#[test]
fn long_no_input_breaks_a_reader_first_part() {
    part(0, 3);
}

#[test]
fn long_no_input_breaks_a_reader_second_part() {
    part(1, 3);
}

#[test]
fn long_no_input_breaks_a_reader_third_part() {
    part(2, 3);
}

#[test]
fn targets_and_folders_of_seeds_are_the_same() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len(), "two targets have one name");
    let seeded = fs::read_dir(folder("seeds")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(seeded.collect::<BTreeSet<String>>(), names);
    let bytes: u64 = TARGETS
        .iter()
        .flat_map(|target| files("seeds", target).into_iter().chain(files("found", target)))
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    assert!(bytes < 200_000, "seeds and findings have {bytes} bytes: keep the small ones");
}

#[test]
fn chance_is_always_the_same() {
    let seeds = [b"one 1".to_vec(), b"two 22".to_vec()];
    let inputs = |seed| {
        let mut chance = Chance::new(seed);
        (0..50).map(|_| chance.input(&seeds, 1_000)).collect::<Vec<_>>()
    };
    assert_eq!(inputs(7), inputs(7));
    assert_ne!(inputs(7), inputs(8));
}

#[test]
#[should_panic(expected = "is not one line")]
fn what_is_said_in_two_lines_is_seen() {
    Target::new("bad", "", |_| Err("one\ntwo".to_owned())).run(b"");
}

#[test]
#[should_panic(expected = "bytes are said")]
fn what_is_said_at_length_is_seen() {
    Target::new("bad", "", |_| Err("x".repeat(10_000))).run(b"");
}
