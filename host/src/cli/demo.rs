//! The demo: a real web workload under real load, scaled before one's eyes.
//!
//! It is the host as `trimtab run` builds it, with a configuration of its own in an empty folder; what it shows and sums up is
//! read from the records. At its end, however it comes, everything is taken down by decisions, and then looked for.

pub mod load;
mod place;
mod setup;
mod summary;
mod view;
mod watch;
pub mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio_util::sync::CancellationToken;

use self::load::{Load, LoadReport, LoadSettings, Schedule};
use self::place::Place;
use self::setup::Setup;
use self::summary::{Ending, Summary};
use self::view::View;
use self::watch::Watch;
use super::{Exit, Global, print, run as host};
use crate::config::{Config, DriverKind};
use crate::drivers::process::ProcessDriver;
use crate::registrars::embedded::EmbeddedRegistrar;
use crate::supervisor::Host;

/// Time that the first instances have to serve.
const READY: Duration = Duration::from_secs(60);
/// Time for one request: on a machine that is busy with other things slow is not failed.
const REQUEST: Duration = Duration::from_secs(60);
/// Time in which all instances must have ended by decisions.
const TAKE_DOWN: Duration = Duration::from_secs(20);

/// `trimtab demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// How long the load lasts.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(10..=3_600))]
    pub seconds: u16,
    /// End with one JSON document on standard output; progress goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Keep the data directory, for `trimtab explain`; --data-dir keeps it, too.
    #[arg(long)]
    pub keep: bool,
}

pub(super) fn run(global: &Global, args: &DemoArgs) -> Result<Exit> {
    if std::env::var_os("TRIMTAB_LOG").is_some() {
        // The demo sends nothing anywhere: of its end there is nobody to tell.
        let _ = crate::telemetry::start(&crate::telemetry::Settings::default())?;
    }
    let place = Place::take(global.data_dir.clone(), args.keep)?;
    let setup = Setup::new(place.path(), Duration::from_secs(args.seconds.into()))?;
    std::fs::write(&setup.file, &setup.text).with_context(|| format!("writing {}", setup.file.display()))?;
    let config = Config::parse(&setup.text, &setup.file)?;
    let played = host::runtime()?.block_on(play(&setup, config.clone(), args.json));
    let swept = host::runtime()?.block_on(sweep(&config));
    let kept = place.leave()?;

    let killed = swept.context("looking for processes that were left")?;
    let summary = played?.finish(killed, kept.as_deref());
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&summary)?))?;
    } else {
        print(&summary.to_string())?;
    }
    if summary.left_behind.is_empty() { Ok(Exit::Fine) } else { Ok(Exit::Trouble) }
}

/// Runs the host and the load together. Whatever happens in here, the caller sweeps.
async fn play(setup: &Setup, config: Config, json: bool) -> Result<Summary> {
    let told = CancellationToken::new();
    tokio::spawn(host::until_told(told.clone()));
    let host: Host = host::build(&config).await?;
    let store = Arc::clone(host.store());
    let Some(balancer) = host.balancers().first().map(Arc::clone) else { bail!("the demo has no balancer") };
    let url = format!("http://{}/work", balancer.address());
    let mut watch = Watch::new(store, setup)?;
    let mut view = View::new(json, setup, &url, &config.data_dir);

    let shutdown = CancellationToken::new();
    let _ends_with_us = shutdown.clone().drop_guard();
    let running = tokio::spawn(host.run_and_take_down(shutdown.clone(), TAKE_DOWN));
    let schedule = Schedule::demo(setup.length, setup.quiet, setup.peak);
    let shown = show(&told, &balancer, &url, schedule, &mut watch, &mut view).await;

    // Also after a fault: first all is taken down, then it is told.
    shutdown.cancel();
    view.say("taking everything down");
    let began = Instant::now();
    let left = running.await.map_err(|error| anyhow!("the host broke down: {error}"))?;
    let took = began.elapsed();
    let requests = shown?;
    watch.read_all().await?;
    let ending = Ending { told: told.is_cancelled(), took, left };
    Ok(Summary::new(setup, &watch, requests, balancer.stats(), ending))
}

/// Makes the load and shows what comes of it, until it is over or somebody said to end.
async fn show(
    told: &CancellationToken,
    balancer: &EmbeddedRegistrar,
    url: &str,
    schedule: Schedule,
    watch: &mut Watch,
    view: &mut View,
) -> Result<Option<LoadReport>> {
    view.say("starting the first instances");
    let began = Instant::now();
    while balancer.stats().instances.len() < 2 {
        if began.elapsed() > READY {
            bail!("no instances served within {} s; TRIMTAB_LOG=info says more", READY.as_secs());
        }
        tokio::select! {
            () = told.cancelled() => return Ok(None),
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    }
    let settings = LoadSettings { timeout: REQUEST, ..LoadSettings::new(url, schedule) };
    let load = Load::start(settings).map_err(|what| anyhow!("the load cannot be made: {what}"))?;
    watch.load_began();
    while !load.is_over() && !told.is_cancelled() {
        tokio::select! {
            () = told.cancelled() => {}
            () = tokio::time::sleep(view.pace()) => {}
        }
        watch.read_recent().await?;
        view.show(&load.glimpse(), watch, &balancer.stats())?;
    }
    Ok(Some(load.stop().await))
}

/// Looks for processes of the demo, and kills what it finds; returns how many there were.
async fn sweep(config: &Config) -> Result<usize> {
    let mut killed = 0_usize;
    for driver in &config.drivers {
        let DriverKind::Process(settings) = &driver.kind else { continue };
        let driver = ProcessDriver::open(&driver.name, settings.clone(), &config.data_dir)?;
        killed = killed.saturating_add(driver.sweep().await?);
    }
    Ok(killed)
}

/// Where the configuration of the demo stands in its folder.
fn config_file(folder: &std::path::Path) -> PathBuf {
    folder.join("trimtab.toml")
}
