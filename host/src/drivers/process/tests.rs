use std::collections::BTreeMap;
use std::time::Duration;

use super::config::is_file_name;
use super::files::{BackOff, InstanceFile, InstancePaths};
use super::health::{Check, Verdict, judge};
use super::identity::{ProcessId, boot_id, boot_ms};
use super::launch::{LaunchSpec, lock_wanted};
use super::*;
use crate::quantity::DurationMs;

#[test]
fn amounts_beyond_what_a_clock_or_a_kernel_holds_are_complained_about() {
    let workload = "command = [\"web\"]\nports = \"1-9\"\ngrace = \"8d\"\nlimits = { cpu = 20_000, memory = \"2000Ti\" }\n\
                    health.http.timeout = \"8d\"";
    let config = ProcessConfig {
        workload: BTreeMap::from([("web".to_owned(), toml::from_str(workload).unwrap())]),
        ..ProcessConfig::default()
    };
    assert_eq!(
        config.complaints(),
        [
            "workload.web.grace: is more than a week",
            "workload.web.limits.cpu: is more than 10000 cores",
            "workload.web.limits.memory: is more than 1024Ti",
            "workload.web.health: interval or timeout is more than a week",
        ]
    );
}

#[test]
fn names_that_could_leave_the_folder_are_none() {
    assert!(is_file_name("web-1.a_B") && is_file_name("0"));
    for bad in ["", ".", "..", ".web", "a/b", "a b", "-x", "ä", "a\0", &"x".repeat(201)] {
        assert!(!is_file_name(bad), "{bad}");
    }
}

#[test]
fn back_off_grows_is_capped_and_forgets() {
    let config =
        RestartConfig { min: DurationMs(1_000), max: DurationMs(5_000), factor: 2.0, reset_after: DurationMs(60_000) };
    let mut back_off = BackOff::default();
    let mut now_ms = 1_000_000;
    for wait_ms in [1_000, 2_000, 4_000, 5_000, 5_000] {
        back_off.crashed(&config, now_ms);
        assert_eq!(back_off.until_ms(now_ms), Some(now_ms + wait_ms));
        back_off.crashed(&config, now_ms + 1);
        assert_eq!(back_off.until_ms(now_ms), Some(now_ms + wait_ms), "a second that falls meanwhile is not counted");
        now_ms += wait_ms;
        assert_eq!(back_off.until_ms(now_ms), None);
    }
    back_off.crashed(&config, now_ms + 60_001);
    assert_eq!(back_off.failures, 1, "a quiet spell forgets");
    let mut many = BackOff { failures: u32::MAX, last_ms: now_ms, next_start_ms: 0 };
    many.crashed(&RestartConfig { factor: 100.0, ..config }, now_ms);
    assert_eq!(many.until_ms(now_ms), Some(now_ms + 5_000), "nothing overflows");
}

#[test]
fn thresholds_decide_when_health_changes() {
    let this = ProcessId::now_of(i32::try_from(std::process::id()).unwrap()).unwrap();
    let health = Health::Tcp(TcpHealth { port: Some(1), healthy_after: 2, unhealthy_after: 3, ..TcpHealth::default() });
    let check = Check::new(&health, "127.0.0.1".parse().unwrap(), None, this).unwrap();
    let (mut verdict, mut streak) = (Verdict { adopted: true, ..Verdict::default() }, 0);
    let mut seen = Vec::new();
    assert!(verdict.is_unsettled());
    let half_way = judge(&check, &verdict, &mut 0, Ok(()));
    assert!(half_way.is_unsettled(), "one good check of two decides nothing");
    let refused = judge(&check, &verdict, &mut 0, Err("no".to_owned()));
    assert!(!refused.is_unsettled() && !refused.healthy, "one bad check does");
    assert!(!judge(&check, &half_way, &mut 1, Ok(())).is_unsettled(), "so does the second good one");
    assert!(!Verdict::default().is_unsettled(), "a new one is starting, and that is known");
    for good in [false, true, true, false, false, true, false, false, false, true, true] {
        let result = if good { Ok(()) } else { Err("no".to_owned()) };
        verdict = judge(&check, &verdict, &mut streak, result);
        seen.push(verdict.healthy);
    }
    assert_eq!(seen, [false, false, true, true, true, true, true, true, false, false, true]);
    assert!(verdict.was_healthy && verdict.known);
}

#[test]
fn a_launcher_that_comes_after_the_removal_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web");
    std::fs::create_dir(&path).unwrap();
    let spec = LaunchSpec {
        dir: path.clone(),
        instance: "web-1".to_owned(),
        attempt: 1,
        groups: Vec::new(),
        cwd: path.clone(),
        uid: None,
        gid: None,
        out: path.join("out"),
        err: path.join("err"),
        output_bytes_max: 1,
        command: Vec::new(),
    };
    let paths = InstancePaths::new(&path, "web-1");
    // Its look at the wish was before the removal, its lock after it.
    assert_eq!(lock_wanted(&spec, &paths).unwrap_err().word, launch::TOO_LATE);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    files::write(&paths.wish, &InstanceFile::new("web-1", "key")).unwrap();
    drop(lock_wanted(&spec, &paths));
    assert!(paths.lock.exists(), "a lock that others know stays");
}

#[test]
fn a_lock_that_was_removed_meanwhile_is_taken_anew() {
    let folder = tempfile::tempdir().unwrap();
    let paths = InstancePaths::new(folder.path(), "web-1");
    let opened = || {
        let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        files.filter(|file| std::fs::read_link(file.path()).is_ok_and(|target| target == paths.lock)).count()
    };
    let first = paths.lock().unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| paths.lock().unwrap());
        while opened() < 2 {
            std::thread::yield_now();
        }
        paths.remove().unwrap();
        drop(first);
        let second = second.join().unwrap();
        assert!(paths.lock.exists(), "what it holds is where the next one looks");
        drop(second);
    });
}

#[test]
fn a_process_is_more_than_its_number() {
    let this = ProcessId::now_of(i32::try_from(std::process::id()).unwrap()).unwrap();
    assert!(this.lives() && !boot_id().is_empty());
    let earlier = ProcessId { start_ticks: this.start_ticks - 1, ..this.clone() };
    let other_boot = ProcessId { boot: "another".to_owned(), ..this.clone() };
    for stranger in [earlier, other_boot] {
        assert!(!stranger.lives());
        assert!(!stranger.signal(rustix::process::Signal::KILL).unwrap(), "else this test would not end");
    }
    let age_ms = boot_ms() - this.started_boot_ms();
    assert!(Duration::from_millis(age_ms) < Duration::from_secs(3_600), "{age_ms}");
}
