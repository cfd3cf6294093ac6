use std::time::Duration;

use super::config::is_file_name;
use super::files::{BackOff, InstanceFile, InstancePaths};
use super::health::{Check, Verdict, judge};
use super::identity::{ProcessId, boot_id, boot_ms};
use super::launch::{LaunchSpec, lock_wanted};
use super::*;

#[test]
fn amounts_are_read_as_operators_write_them() {
    for (text, ms) in [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1.5h", 5_400_000), ("7d", 604_800_000)] {
        assert_eq!(text.parse::<Span>().unwrap().ms(), ms, "{text}");
    }
    for (text, bytes) in [("1024", 1024), ("64Ki", 65_536), ("1.5Gi", 1_610_612_736), ("100M", 100_000_000)] {
        assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes, "{text}");
    }
    for (text, millis) in [("100m", 100), ("2", 2_000), ("0.5", 500)] {
        assert_eq!(text.parse::<Cores>().unwrap().millis(), millis, "{text}");
    }
    for bad in ["", "s", "-1s", "1", "1 s", "1e9s", "8d", "NaNs", "infs", "1.2.3s", "١s"] {
        assert!(bad.parse::<Span>().is_err(), "{bad}");
    }
    assert!("99999Ti".parse::<Size>().is_err() && "1mi".parse::<Size>().is_err() && "1k".parse::<Cores>().is_err());
    for span in ["10s", "2m"] {
        let span: Span = span.parse().unwrap();
        assert_eq!(span.to_string().parse::<Span>().unwrap(), span, "it reads what it writes");
    }
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
    let config = RestartConfig {
        min: Span::from_ms(1_000),
        max: Span::from_ms(5_000),
        factor: 2.0,
        reset_after: Span::from_ms(60_000),
    };
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
