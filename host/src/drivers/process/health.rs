//! Health checks: one small task per instance that runs, whose last result an observation reads without waiting.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::config::Health;
use super::identity::ProcessId;
use crate::causes::root_cause;
use crate::quantity::DurationMs;

/// Until an instance serves for the first time it is asked at least so often, so that growth is confirmed quickly.
const STARTING_INTERVAL: Duration = Duration::from_millis(200);

/// What the checks of one instance have found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether the process ran already when this host began: an earlier host may have known it to serve.
    pub adopted: bool,
    /// Whether one check has ended.
    pub known: bool,
    /// Whether the checks that have ended decide it: not where the first good ones are fewer than make it healthy.
    pub settled: bool,
    /// Whether it has ever been healthy.
    pub was_healthy: bool,
    /// Whether it is.
    pub healthy: bool,
    /// What the last bad check said.
    pub complaint: String,
}

impl Verdict {
    /// Whether it was adopted and nobody can say yet whether it serves.
    pub(super) fn is_unsettled(&self) -> bool {
        self.adopted && !self.settled
    }
}

/// One check as it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    process: ProcessId,
    address: SocketAddr,
    /// A path to GET; `None`: connecting is enough.
    path: Option<String>,
    interval: Duration,
    timeout: Duration,
    healthy_after: u32,
    unhealthy_after: u32,
}

impl Check {
    /// The check of this process, unless its running is all that is asked.
    pub(super) fn new(health: &Health, host: IpAddr, port: Option<u16>, process: ProcessId) -> Option<Self> {
        match health {
            Health::Process => None,
            Health::Tcp(tcp) => Some(Self {
                process,
                address: SocketAddr::new(host, tcp.port.or(port)?),
                path: None,
                interval: tcp.interval.duration(),
                timeout: tcp.timeout.duration(),
                healthy_after: tcp.healthy_after,
                unhealthy_after: tcp.unhealthy_after,
            }),
            Health::Http(http) => Some(Self {
                process,
                address: SocketAddr::new(host, http.port.or(port)?),
                path: Some(http.path.clone()),
                interval: http.interval.duration(),
                timeout: http.timeout.duration(),
                healthy_after: http.healthy_after,
                unhealthy_after: http.unhealthy_after,
            }),
        }
    }

    async fn make(&self, client: &reqwest::Client) -> Result<(), String> {
        let attempt = async {
            match &self.path {
                None => tokio::net::TcpStream::connect(self.address)
                    .await
                    .map(drop)
                    .map_err(|error| format!("no connection: {error}")),
                Some(path) => {
                    let answer = client
                        .get(format!("http://{}{path}", self.address))
                        .send()
                        .await
                        .map_err(|error| format!("GET {path} failed: {}", root_cause(&error)))?;
                    let status = answer.status();
                    let good = status.is_success() || status.is_redirection();
                    if good { Ok(()) } else { Err(format!("GET {path} answered {status}")) }
                }
            }
        };
        match tokio::time::timeout(self.timeout, attempt).await {
            Ok(result) => result,
            Err(_) => Err(format!(
                "no answer within {}",
                DurationMs(u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX))
            )),
        }
    }
}

#[derive(Debug)]
struct Running {
    check: Check,
    verdict: watch::Receiver<Verdict>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The checks that run, by workload and instance. Dropped checks end.
#[derive(Debug, Default)]
pub(super) struct HealthBook {
    client: reqwest::Client,
    running: HashMap<(String, String), Running>,
}

impl HealthBook {
    /// A book whose requests go straight to the instance: no proxy, no redirect.
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        crate::tls::ready();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, running: HashMap::new() })
    }

    /// Sees to it that exactly this check runs for the instance. Processes that began before `since_ticks` (of the clock since
    /// boot) were adopted. Needs a runtime around it.
    pub(super) fn ensure(&mut self, workload: &str, instance: &str, check: Option<Check>, since_ticks: u64) {
        let key = (workload.to_owned(), instance.to_owned());
        let Some(check) = check else {
            self.running.remove(&key);
            return;
        };
        if self.running.get(&key).is_some_and(|running| running.check == check) {
            return;
        }
        let adopted = check.process.start_ticks < since_ticks;
        let (sender, verdict) = watch::channel(Verdict { adopted, ..Verdict::default() });
        let task = tokio::spawn(run(check.clone(), self.client.clone(), sender)).abort_handle();
        self.running.insert(key, Running { check, verdict, task });
    }

    /// Ends the checks of instances that are not among these.
    pub(super) fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.running.retain(|(workload, instance), _| keep(workload, instance));
    }

    /// What is known of an instance; `None` where no check runs.
    pub(super) fn verdict(&self, workload: &str, instance: &str) -> Option<Verdict> {
        let running = self.running.get(&(workload.to_owned(), instance.to_owned()))?;
        Some(running.verdict.borrow().clone())
    }

    /// Adopted ones that their checks have not yet decided.
    pub(super) fn unsettled(&self) -> Vec<watch::Receiver<Verdict>> {
        let verdicts = self.running.values().map(|running| &running.verdict);
        verdicts.filter(|verdict| verdict.borrow().is_unsettled()).cloned().collect()
    }
}

async fn run(check: Check, client: reqwest::Client, sender: watch::Sender<Verdict>) {
    let mut streak = 0_u32;
    loop {
        let result = check.make(&client).await;
        sender.send_modify(|verdict| *verdict = judge(&check, verdict, &mut streak, result));
        let starting = !sender.borrow().was_healthy;
        let pause = if starting { check.interval.min(STARTING_INTERVAL) } else { check.interval };
        tokio::time::sleep(pause).await;
    }
}

/// What is known after one more check. `streak` counts checks in a row that contradict the verdict.
pub(super) fn judge(check: &Check, before: &Verdict, streak: &mut u32, result: Result<(), String>) -> Verdict {
    let mut after = Verdict { known: true, ..before.clone() };
    let good = result.is_ok();
    if let Err(complaint) = result {
        after.complaint = complaint;
    }
    *streak = if good == before.healthy { 0 } else { streak.saturating_add(1) };
    let needed = if good { check.healthy_after } else { check.unhealthy_after };
    if *streak >= needed && good != before.healthy {
        after.healthy = good;
        *streak = 0;
    }
    after.was_healthy |= after.healthy;
    after.settled |= after.healthy || !good;
    after
}
