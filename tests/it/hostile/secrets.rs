//! What one tenant leaves behind, and whether the next one of the same slot can read it.

use std::sync::Arc;

use serde_json::json;
use trimtab::policy::{EvaluationInput, Policy, Queue, Verdict};
use trimtab::sandbox::Sandbox;
use trimtab::snapshot::Snapshot;

use super::guest::{HostileGuest, compile, load};
use super::suite;
use super::table::{Gauge, Rows, alone};

const GUEST: &str = "reads-what-others-left";
/// Turns of each story: many times the slots of the pool, so that each slot has had all tenants.
const ROUNDS: usize = 32;
const THREADS: usize = 4;

fn tenant(sandbox: &Arc<Sandbox>, name: &str) -> Policy {
    let guest = HostileGuest::read(GUEST).named(name);
    load(sandbox, &compile(sandbox, &guest.awake()).unwrap()).unwrap()
}

/// A target with much to tell: the host writes it into the guest's memory, where the next one must not find it.
fn snapshot(target: &str, containers: usize) -> Snapshot {
    let mut snapshot = suite::snapshot();
    snapshot.target.id = target.parse().unwrap();
    let secret = format!("the secret of {target} ").repeat(4);
    let one = |number: usize| json!({ "name": format!("{secret}{number}") });
    let all = (0..containers).map(one).map(|container| serde_json::from_value(container).unwrap());
    snapshot.target.containers = all.collect();
    snapshot
}

/// How many words the tenant found that were not its own; it says so by the count that it proposes.
fn found(policy: &Policy, snapshot: &Snapshot) -> u32 {
    let queue = Queue::Ordinary;
    let input = EvaluationInput { snapshot, needs: &[], params: &[], memory: &[], queue };
    match policy.evaluate(&input).outcome.unwrap().verdict {
        Verdict::Proposals(proposals) => proposals.first().map_or(0, |proposal| proposal.count.unwrap() - 4),
        refused @ Verdict::Refused(_) => panic!("{refused:?}"),
    }
}

#[test]
fn what_one_tenant_leaves_the_next_one_does_not_find() {
    alone("hostile::secrets::what_one_tenant_leaves_the_next_one_does_not_find", || {
        let sandbox = HostileGuest::read(GUEST).sandbox();
        assert!(sandbox.is_pooled(), "without a pool no slot has two tenants, and nothing is tried here");
        let (shop, bank) = (tenant(&sandbox, "tenant-shop"), tenant(&sandbox, "tenant-bank"));
        let (long, short) = (snapshot("local/shop", 150), snapshot("local/bank", 1));
        let mut rows = Rows::of("guest");
        let mut story = |behaviour: &str, round: &(dyn Fn() -> u32 + Sync)| {
            let gauge = Gauge::of_self();
            let words: u32 = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..THREADS).map(|_| scope.spawn(|| (0..ROUNDS).map(|_| round()).sum::<u32>())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            rows.add(behaviour, "found 0 words", &format!("found {words} words"), gauge.read());
        };
        story("two policies of two tenants, by turns", &|| found(&shop, &long) + found(&bank, &short));
        story("one policy of two targets, by turns", &|| found(&shop, &long) + found(&shop, &short));
        rows.finish();
        assert_eq!(sandbox.permits().taken(), 0);
    });
}
