//! `trimtab run`: the host itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Exit, Fail, Global, certificates};
use crate::access::Access;
use crate::api::{self, Api};
use crate::causes::with_causes;
use crate::config::Config;
use crate::sandbox::THREAD_STACK_BYTES;
use crate::supervisor::{Host, HostError, Steering};
use crate::telemetry::{self, LogFormat, Telemetry};
use crate::tls::TlsServer;

/// How long the last spans may take to reach the tracing server.
const SPANS_PATIENCE: Duration = Duration::from_secs(3);

/// Run the host.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Make one turn of every binding, see through what it began, and leave.
    #[arg(long)]
    once: bool,
    /// Decide and record, and carry out nothing.
    #[arg(long)]
    dry_run: bool,
    /// Log lines as JSON.
    #[arg(long)]
    log_json: bool,
    /// With --once: print what the turn came to as JSON.
    #[arg(long, requires = "once")]
    json: bool,
}

pub(super) fn run(global: &Global, args: &RunArgs) -> Result<Exit> {
    let mut config = global.load()?;
    config.dry_run |= args.dry_run;
    let told = begin_to_tell(&config, args.log_json)?;
    runtime()?.block_on(async {
        let ended = run_host(global, args, config).await;
        told.finish(SPANS_PATIENCE).await;
        ended
    })
}

/// Begins to log, and to send spans where the configuration names a server for them.
fn begin_to_tell(config: &Config, json: bool) -> Result<Telemetry> {
    let usage = |error: &dyn std::error::Error| Fail::usage(format!("telemetry: {}", with_causes(error)));
    let mut settings = config.telemetry.fetch().map_err(|error| usage(&error))?;
    if json {
        settings.format = LogFormat::Json;
    }
    telemetry::start(&settings).map_err(|error| usage(&error))
}

async fn run_host(global: &Global, args: &RunArgs, config: Config) -> Result<Exit> {
    if args.once {
        return once(build(&config).await?, args.json).await;
    }
    let shutdown = CancellationToken::new();
    tokio::spawn(until_told(shutdown.clone()));
    let reload = Hangup::listen();
    let tls = certificates::open(&config)?;
    let host = build(&config).await?;
    let (global, dry_run, shown) = (global.clone(), args.dry_run, tls.clone());
    let load = move || {
        let mut fresh = global.load()?;
        fresh.dry_run |= dry_run;
        let renewed = shown.as_deref().map_or(Ok(()), api::renew);
        fresh.warnings.extend(renewed.err().as_ref().map(certificates::kept_old));
        Ok(fresh)
    };
    host.steering().reload_by(Arc::new(load)).await;
    tokio::spawn(reload.obey(host.steering()));
    let api = match config.api.enabled {
        true => Some(serve(&config, &host, tls, shutdown.clone()).await?),
        false => None,
    };
    tracing::info!(data_dir = %config.data_dir.display(), bindings = config.bindings.len(), "running");
    host.run(shutdown).await;
    if let Some(api) = api {
        api.await.context("the API broke down")?;
    }
    tracing::info!("ended in order");
    Ok(Exit::Fine)
}

/// Begins to serve the API of a host.
async fn serve(
    config: &Config,
    host: &Host,
    tls: Option<Arc<TlsServer>>,
    shutdown: CancellationToken,
) -> Result<JoinHandle<()>> {
    let steering = host.steering();
    let now_ms = steering.clock().now_ms();
    let access = Access::open(Arc::clone(steering.store()), &config.data_dir, now_ms).await?;
    let listen = config.api.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening at {listen}; choose another address with listen in [api]"))?;
    let address = listener.local_addr().context("asking for the address of the API")?;
    tracing::info!(%address, tls = tls.is_some(), "the API is served");
    if tls.is_none() && !address.ip().to_canonical().is_loopback() {
        tracing::warn!(%address, "others can reach the API, and tokens cross the network in the clear");
    }
    let api = Api::new(steering, access, config.api.clone(), config.sandbox.upload.bytes_max);
    Ok(match tls {
        Some(tls) => tokio::spawn(api::serve_tls(listener, api, tls, shutdown)),
        None => tokio::spawn(api::serve(listener, api, shutdown)),
    })
}

/// SIGHUP, which has the configuration read again. Heard of from the start: a host that is told so while it starts neither
/// ends nor forgets it.
struct Hangup(std::io::Result<tokio::signal::unix::Signal>);

impl Hangup {
    fn listen() -> Self {
        Self(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()))
    }

    async fn obey(self, steering: Steering) {
        let mut hangup = match self.0 {
            Ok(hangup) => hangup,
            Err(error) => return tracing::error!(%error, "SIGHUP cannot be listened for: restart to reload"),
        };
        while hangup.recv().await.is_some() {
            match steering.reload().await {
                Ok(report) => tracing::info!(
                    added = ?report.added,
                    changed = ?report.changed,
                    removed = ?report.removed,
                    unchanged = report.unchanged,
                    needs_restart = ?report.needs_restart,
                    "the configuration was read again and is in force"
                ),
                Err(error) => tracing::error!("the configuration is refused, the old one stays in force: {error}"),
            }
        }
    }
}

/// A runtime whose threads are deep enough for guests: evaluations run on its blocking threads.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(THREAD_STACK_BYTES)
        .build()
        .context("starting the runtime")
}

/// Builds the host; faults of the configuration are told as such.
pub(super) async fn build(config: &Config) -> Result<Host> {
    Host::build(config).await.map_err(|error| match error {
        HostError::Bindings(complaints) => complaints.into(),
        HostError::Source { .. } => Fail::usage(error.to_string()),
        error => error.into(),
    })
}

async fn once(host: Host, json: bool) -> Result<Exit> {
    let report = host.run_once().await?;
    if json {
        let document = serde_json::json!({
            "targets": report.targets,
            "begun": report.begun,
            "faults": report.faults,
            "troubles": report.troubles,
        });
        super::print(&format!("{document:#}\n"))?;
    } else {
        let (targets, begun, faults) = (report.targets, report.begun, report.faults);
        let mut text = format!("{targets} targets, {begun} changes, {faults} faults of policies\n");
        for trouble in &report.troubles {
            text.push_str(&format!("trouble: {}\n", super::clean(trouble)));
        }
        super::print(&text)?;
    }
    Ok(Exit::Fine)
}

/// Waits for an interrupt or a request to end. It listens from the call on, not from the first poll: a host told to end while
/// it starts does so in order as soon as it can.
pub(super) fn until_told(shutdown: CancellationToken) -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match signals {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            _ => tracing::error!("signals cannot be listened for: end the host with SIGKILL, it takes no harm"),
        }
        shutdown.cancel();
    }
}
