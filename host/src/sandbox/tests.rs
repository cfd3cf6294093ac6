//! The engine, the queue, and the settings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::engine::{compiling_engine, engine_hash};
use super::*;

#[test]
fn the_child_compiles_for_the_hosts_engine() {
    let sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
    assert!(sandbox.is_pooled(), "this machine has room for a pool");
    assert_eq!(sandbox.engine_hash(), engine_hash(&compiling_engine().unwrap()));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let config: SandboxConfig = toml::from_str("[compiled]\nfuel = 1").unwrap();
    let error = Sandbox::start(&config).unwrap_err().to_string();
    assert!(error.contains("sandbox.compiled.fuel is 1"), "{error}");
    assert!(toml::from_str::<SandboxConfig>("[compiled]\nfule = 1").is_err());
}

#[test]
fn one_changed_limit_leaves_the_tiers_others() {
    let config: SandboxConfig = toml::from_str("[interpreted]\nfuel = 1000000").unwrap();
    let limits = config.limits(Tier::Interpreted).unwrap();
    assert_eq!(limits, TierLimits { fuel: 1_000_000, ..TierLimits::of(Tier::Interpreted) });
}

#[test]
fn whoever_is_last_gets_half_and_waits_for_the_others() {
    let permits = Permits::new(4);
    let late = [permits.take(Queue::Last), permits.take(Queue::Last)];
    let third_ran = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _permit = permits.take(Queue::Last);
            third_ran.store(true, Ordering::SeqCst);
        });
        // Ordinary callers still find the other half.
        let ordinary = [permits.take(Queue::Ordinary), permits.take(Queue::Ordinary)];
        assert_eq!(permits.taken(), 4);
        drop(ordinary);
        thread::sleep(Duration::from_millis(20));
        assert!(!third_ran.load(Ordering::SeqCst), "half is taken already");
        drop(late);
    });
    assert!(third_ran.load(Ordering::SeqCst));
    assert_eq!(permits.taken(), 0);
}
