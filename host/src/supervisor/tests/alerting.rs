//! An alert from its coming to the record of the turn that dealt with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stage::{CONFIG, Stage};
use crate::alerts::{Aim, EXPIRES_MS_DEFAULT, Incoming};
use crate::audit::Trigger;
use crate::cycle::{Binding, Clock as _};
use crate::policy::{Need, NeedKind};
use crate::snapshot::Subject;

/// The binding as it runs, with a policy that asks for alerts.
fn with_alerts(running: &Binding) -> Binding {
    let alerts = Need {
        kind: NeedKind::Alerts,
        name: String::new(),
        subject: Subject::Target,
        unit: String::new(),
        look_back_ms: 0,
        step_ms: 0,
        required: false,
    };
    let mut binding = running.clone();
    binding.slots.iter_mut().for_each(|slot| slot.needs.push(alerts.clone()));
    binding
}

fn grows() -> Incoming {
    let labels: BTreeMap<String, String> = [("alertname".to_owned(), "QueueGrows".to_owned())].into();
    Incoming { name: "QueueGrows".to_owned(), labels, expires_in_ms: EXPIRES_MS_DEFAULT, ..Incoming::default() }
}

impl Stage {
    async fn alerted(&self) -> (Aim, String) {
        let aim = self.steering.aim(&grows().labels, None);
        let now_ms = self.clock.now_ms();
        let told = self.steering.alerts().take(vec![(grows(), aim.clone())], "ada", now_ms).await.unwrap();
        self.steering.alerts_came([&aim], "QueueGrows");
        (aim, told.into_iter().next().unwrap().unwrap().id)
    }

    async fn handled_by(&self, alert: &str) -> String {
        for _ in 0..2_000 {
            let kept = self.steering.alerts().get(alert).unwrap();
            if let Some(handled) = kept.handled.get(&self.target) {
                return handled.record.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("{:?}", self.steering.alerts().get(alert));
    }
}

#[tokio::test]
async fn an_alert_begins_a_turn_is_seen_by_a_policy_that_asks_and_is_marked_with_its_record() {
    let stage =
        Stage::set(&format!("{CONFIG}\n[[binding.web.alert]]\nmatch = {{ alertname = \"QueueGrows\" }}\n")).await;
    let (aim, skipped) = stage.alerted().await;
    assert!(aim.skipped.unwrap().contains("asks for alerts"), "nobody would see it");
    assert!(stage.steering.alerts().remove(&skipped).await.unwrap());

    let running = stage.steering.bindings();
    stage.steering.put_into_force(vec![Arc::new(with_alerts(&running[0]))]);
    stage.load(300.0);
    let (aim, alert) = stage.alerted().await;
    assert_eq!((aim.bindings.as_slice(), aim.skipped), (["web".to_owned()].as_slice(), None));
    let record = stage.handled_by(&alert).await;
    let records = stage.records().await;
    let turn = records.iter().find(|one| one.id.as_str() == record).expect("the record that it names is there");
    assert_eq!(turn.trigger, Trigger::Event { what: "alert QueueGrows".to_owned() });
    let seen: Vec<&str> = turn.snapshot.alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(seen, ["QueueGrows"]);
    stage.until(|view| view.in_flight.is_none()).await;

    let stage = stage.restart().await;
    let running = stage.steering.bindings();
    stage.steering.put_into_force(vec![Arc::new(with_alerts(&running[0]))]);
    assert_eq!(stage.handled_by(&alert).await, record, "it is kept");
    stage.turn().await;
    assert!(stage.records().await.last().unwrap().snapshot.alerts.is_empty(), "what was dealt with is not shown again");
}

#[tokio::test]
async fn a_wish_that_is_held_back_leaves_the_alert_open() {
    let stage =
        Stage::set(&format!("{CONFIG}\n[[binding.web.alert]]\nmatch = {{ alertname = \"QueueGrows\" }}\n")).await;
    let running = stage.steering.bindings();
    stage.steering.put_into_force(vec![Arc::new(with_alerts(&running[0]))]);
    // It would lower, and an event's turn never does.
    stage.load(10.0);
    let before = stage.records().await.len();
    let (_, alert) = stage.alerted().await;
    for _ in 0..2_000 {
        if stage.records().await.len() > before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(stage.records().await.last().unwrap().snapshot.alerts.len(), 1);
    assert!(stage.steering.alerts().get(&alert).unwrap().handled.is_empty());
    stage.turn().await;
    assert_eq!(
        stage.records().await.last().unwrap().id.as_str(),
        stage.handled_by(&alert).await,
        "the whole turn lowers"
    );
}
