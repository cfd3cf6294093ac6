//! What becomes of alerts, and what of them is left after a restart.

use super::*;
use crate::store::MemoryStore;

const NOW: u64 = 1_795_309_200_000;
const MINUTE_MS: u64 = 60_000;

struct Desk {
    store: Arc<dyn Store>,
    alerts: Alerts,
}

impl Desk {
    async fn open() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let alerts = Alerts::load(Arc::clone(&store)).await.unwrap();
        Self { store, alerts }
    }

    async fn restart(self) -> Self {
        Self { alerts: Alerts::load(Arc::clone(&self.store)).await.unwrap(), ..self }
    }

    async fn take(&self, one: Incoming, now_ms: u64) -> Result<Taken, AlertRefusal> {
        let aim = Aim { targets: vec![web()], ..Aim::default() };
        self.alerts.take(vec![(one, aim)], "ada", now_ms).await.unwrap().remove(0)
    }

    async fn deal(&self, id: &str, now_ms: u64) {
        let handled = Handled { record: "1x7".to_owned(), binding: "web".to_owned(), at_ms: now_ms };
        let mut dealt =
            self.alerts.deal(vec![Handling { alert: id.to_owned(), target: web(), handled }]).await.unwrap();
        self.store.write(dealt.writes()).await.unwrap();
        dealt.hold();
    }

    fn seen(&self, now_ms: u64) -> Vec<String> {
        self.alerts.open(now_ms).of(&web(), "web").into_iter().map(|alert| alert.name).collect()
    }

    fn state(&self, id: &str, now_ms: u64) -> &'static str {
        self.alerts.get(id).unwrap().state(now_ms).word()
    }
}

fn web() -> TargetId {
    "local/web".parse().unwrap()
}

fn high(labels: &[(&str, &str)]) -> Incoming {
    let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    Incoming { name: "High".to_owned(), labels, expires_in_ms: EXPIRES_MS_DEFAULT, ..Incoming::default() }
}

#[tokio::test]
async fn the_same_alert_is_one_however_often_it_comes_and_its_time_runs_from_the_last() {
    let desk = Desk::open().await;
    let first = desk.take(high(&[("service", "web")]), NOW).await.unwrap();
    assert!(first.begins);
    let again = desk.take(Incoming { value: Some(7.5), ..high(&[("service", "web")]) }, NOW + 5 * MINUTE_MS).await;
    assert_eq!(again.unwrap(), Taken { begins: false, ..first.clone() });
    assert!(desk.take(high(&[("service", "api")]), NOW).await.unwrap().begins, "other labels are another alert");
    assert_eq!(desk.seen(NOW + 12 * MINUTE_MS), ["High"], "the other one's time is over");
    let shown = desk.alerts.open(NOW + 12 * MINUTE_MS).of(&web(), "web").remove(0);
    assert_eq!((shown.since_ms, shown.labels["value"].as_str()), (NOW, "7.5"));
    assert_eq!(desk.state(&first.id, NOW + 15 * MINUTE_MS), "expired");
    assert!(desk.seen(NOW + 15 * MINUTE_MS).is_empty());
    assert!(desk.take(high(&[("service", "web")]), NOW + 16 * MINUTE_MS).await.unwrap().begins, "it begins anew");
}

#[tokio::test]
async fn what_its_sender_resolves_is_over_and_begins_anew_when_it_comes_back() {
    let desk = Desk::open().await;
    let id = desk.take(high(&[]), NOW).await.unwrap().id;
    let resolved = Incoming { resolved: true, ..high(&[]) };
    assert!(!desk.take(resolved.clone(), NOW + 1).await.unwrap().begins);
    assert_eq!((desk.state(&id, NOW + 1), desk.seen(NOW + 1).len()), ("resolved", 0));
    assert!(desk.take(high(&[]), NOW + 2).await.unwrap().begins);
    let unheard = Incoming { fingerprint: Some("f".to_owned()), ..resolved };
    assert!(desk.take(unheard.clone(), NOW).await.unwrap().skipped.is_some());
    assert!(desk.alerts.get(&unheard.id()).is_none(), "what ended before it was heard of is not kept");
}

#[tokio::test]
async fn what_a_policy_dealt_with_is_not_seen_again_also_after_a_restart() {
    let desk = Desk::open().await;
    let told = Incoming { since_ms: Some(NOW - 1), ..high(&[]) };
    let id = desk.take(told.clone(), NOW).await.unwrap().id;
    desk.deal(&id, NOW + 1).await;
    let desk = desk.restart().await;
    assert_eq!((desk.state(&id, NOW + 2), desk.seen(NOW + 2).len()), ("handled", 0));
    assert_eq!(desk.alerts.get(&id).unwrap().handled[&web()].record, "1x7");
    let api: TargetId = "local/api".parse().unwrap();
    assert!(desk.alerts.open(NOW + 2).of(&api, "web").is_empty(), "it is not for others");
    desk.take(told.clone(), NOW + 5 * MINUTE_MS).await.unwrap();
    assert_eq!(desk.state(&id, NOW + 14 * MINUTE_MS), "handled", "it goes on, and nothing is to be done again");
    let anew = Incoming { since_ms: Some(NOW + 6 * MINUTE_MS), ..told };
    assert!(desk.take(anew, NOW + 7 * MINUTE_MS).await.unwrap().begins);
    assert_eq!(desk.seen(NOW + 8 * MINUTE_MS), ["High"]);
}

#[tokio::test]
async fn one_whose_beginning_nobody_tells_is_open_again_after_its_time_though_it_comes_on_and_on() {
    let desk = Desk::open().await;
    let id = desk.take(high(&[]), NOW).await.unwrap().id;
    desk.deal(&id, NOW + 1).await;
    for minute in 1..10 {
        assert!(!desk.take(high(&[]), NOW + minute * MINUTE_MS).await.unwrap().begins, "{minute}");
    }
    assert!(desk.take(high(&[]), NOW + 11 * MINUTE_MS).await.unwrap().begins);
    assert_eq!(desk.state(&id, NOW + 11 * MINUTE_MS), "open");
}

#[tokio::test]
async fn a_turn_that_is_not_kept_has_dealt_with_nothing() {
    let desk = Desk::open().await;
    let id = desk.take(high(&[]), NOW).await.unwrap().id;
    let handled = Handled { record: "1x7".to_owned(), binding: "web".to_owned(), at_ms: NOW };
    let dealt = desk.alerts.deal(vec![Handling { alert: id.clone(), target: web(), handled }]).await.unwrap();
    drop(dealt);
    assert_eq!(desk.seen(NOW), ["High"]);
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let desk = Desk::open().await;
    let long = "x".repeat(2_000);
    let many: Vec<(String, String)> = (0..65).map(|at| (format!("l{at}"), "v".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
    for (one, code) in [
        (Incoming { name: String::new(), ..high(&[]) }, "bad-name"),
        (Incoming { name: "a\u{1b}".to_owned(), ..high(&[]) }, "bad-name"),
        (Incoming { name: long.clone(), ..high(&[]) }, "bad-name"),
        (high(&many), "bad-labels"),
        (high(&[("a", &long)]), "bad-labels"),
        (high(&[("a", "b\nc")]), "bad-labels"),
        (high(&[("", "b")]), "bad-labels"),
        (Incoming { fingerprint: Some(String::new()), ..high(&[]) }, "bad-fingerprint"),
        (Incoming { value: Some(f64::NAN), ..high(&[]) }, "not-finite"),
        (Incoming { expires_in_ms: 0, ..high(&[]) }, "bad-expiry"),
        (Incoming { expires_in_ms: u64::MAX, ..high(&[]) }, "bad-expiry"),
    ] {
        assert_eq!(desk.take(one, NOW).await.unwrap_err().code(), code);
    }
    assert!(desk.alerts.all().is_empty());
}

#[tokio::test]
async fn there_are_no_more_than_so_many_and_those_that_are_over_make_room() {
    let desk = Desk::open().await;
    let one = |at: usize| Incoming { fingerprint: Some(at.to_string()), ..high(&[]) };
    let all = (0..=ALERTS_MAX).map(|at| (one(at), Aim::default())).collect();
    let told = desk.alerts.take(all, "ada", NOW).await.unwrap();
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), ALERTS_MAX);
    assert_eq!(told.last().unwrap(), &Err(AlertRefusal::Full));
    desk.take(Incoming { resolved: true, ..one(7) }, NOW).await.unwrap();
    assert!(desk.take(one(ALERTS_MAX), NOW).await.unwrap().begins);
    assert!(desk.alerts.get(&one(7).id()).is_none());
    let desk = desk.restart().await;
    assert_eq!(desk.alerts.all().len(), ALERTS_MAX);
    desk.alerts.sweep(NOW + 10 * MINUTE_MS + OVER_MS_MAX).await.unwrap();
    assert!(desk.alerts.all().is_empty() && desk.restart().await.alerts.all().is_empty());
}
