//! The command line: one file per command.
//!
//! Errors say what is wrong, where, and what to do, and are printed once, with their causes, on standard error. What a
//! command is asked for goes to standard output: plain and aligned, or JSON with `--json`.

mod alert;
mod audit;
mod backtest;
mod binding;
mod certificates;
mod check;
mod completions;
mod decision;
pub mod demo;
mod events;
mod exit;
mod explain;
mod facts;
mod fields;
mod freeze;
mod import;
mod moment;
mod policy;
mod reading;
mod records;
mod remote;
mod replay;
mod run;
mod status;
mod target;
mod terminal;
mod token;
mod trail;
mod watch;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

pub use self::exit::{Exit, Fail};
pub use self::policy::{answer_text, read_snapshot, ruling_text};
pub use self::terminal::{Columns, clean, print};
use crate::config::{Complaints, Config};

/// Hosts scaling policies that are WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "trimtab", version, after_help = exit::HELP, max_term_width = 110, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", env = "TRIMTAB_CONFIG")]
    config: Option<PathBuf>,
    /// Where state is kept, in place of the configuration's `data_dir`.
    #[arg(long, global = true, value_name = "DIR", env = "TRIMTAB_DATA_DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    remote: remote::RemoteArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say everything that is wrong with a configuration, without starting anything.
    Check(check::CheckArgs),
    /// Run the host.
    Run(run::RunArgs),
    /// Show it all: a web workload under load that rises and falls, scaled before your eyes. Leaves nothing behind.
    Demo(demo::DemoArgs),
    /// Say what is scaled and how it stands.
    #[command(subcommand)]
    Target(target::TargetCommand),
    /// Say why a target is as it is.
    Explain(explain::ExplainArgs),
    /// Play what was recorded again: the same code must give the same bytes, another policy a table of differences.
    Replay(replay::ReplayArgs),
    /// Say what policies would have done over a demand trace: unmet demand, over-provision, changes, cost; with plots.
    Backtest(Box<backtest::BacktestArgs>),
    /// Say whether a host can do its work, and what is in the way.
    Status(status::StatusArgs),
    /// Stop everything at once; changes under way are seen through.
    Freeze(freeze::FreezeArgs),
    /// Let everything go on.
    Thaw(freeze::ThawArgs),
    /// Have a host read its configuration again: all of it, or none.
    Reload(freeze::ReloadArgs),
    /// Which policies run for which targets.
    #[command(subcommand)]
    Binding(binding::BindingCommand),
    /// What was decided.
    #[command(subcommand)]
    Decision(decision::DecisionCommand),
    /// Send readings by hand, or from a script.
    #[command(subcommand)]
    Reading(reading::ReadingCommand),
    /// Say what others raised, and what became of it.
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    /// Follow what happens, as it happens.
    Events(events::EventsArgs),
    /// What was done, as a table: host, container, policy, metric, value, status, service, time.
    Audit(audit::AuditArgs),
    /// Who changed what.
    Trail(trail::TrailArgs),
    /// Write, build, inspect and try policies; push them to a host, and say which version runs.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Turn other systems' autoscaling into bindings, and say what could not be carried over.
    Import(import::ImportArgs),
    /// Say who may speak to a running host.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// What a shell needs to complete these words.
    Completions(completions::CompletionsArgs),
    /// The workload of the demo: a small web server whose requests cost CPU.
    #[command(hide = true)]
    DemoWorker(demo::worker::WorkerArgs),
}

const CONFIG_DEFAULT: &str = "trimtab.toml";

impl Global {
    /// The file that was named, or `trimtab.toml`.
    #[must_use]
    pub fn config_path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(CONFIG_DEFAULT))
    }

    /// The checked configuration, with what the command line puts in its place.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn load(&self) -> Result<Config, Complaints> {
        let config = Config::load(self.config_path())?;
        Ok(match &self.data_dir {
            Some(data_dir) => Config { data_dir: data_dir.clone(), ..config },
            None => config,
        })
    }

    /// The data directory: as named on the command line, else the configuration's.
    ///
    /// # Errors
    /// Where the configuration must say it, and is wrong.
    pub fn data_dir(&self) -> Result<PathBuf, Complaints> {
        match &self.data_dir {
            Some(data_dir) => Ok(data_dir.clone()),
            None => self.load().map(|config| config.data_dir),
        }
    }
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    // clap prints its own complaints and leaves with 2, and with 0 for --help.
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Whether the terminal took it changes nothing about the exit.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    let result = match cli.command {
        Command::Check(args) => check::run(&cli.global, &args),
        Command::Target(command) => target::run(&cli.global, &command),
        Command::Explain(args) => explain::run(&cli.global, &args),
        Command::Replay(args) => replay::run(&cli.global, &args),
        Command::Import(args) => import::run(&args),
        Command::Backtest(args) => backtest::run(&cli.global, &args),
        Command::Token(command) => token::run(&cli.global, &command),
        Command::Policy(command) => policy::run(&cli.global, command),
        Command::Status(args) => status::run(&cli.global, &args),
        Command::Freeze(args) => freeze::freeze(&cli.global, &args),
        Command::Thaw(args) => freeze::thaw(&cli.global, &args),
        Command::Reload(args) => freeze::reload(&cli.global, &args),
        Command::Binding(command) => binding::run(&cli.global, &command),
        Command::Reading(command) => reading::run(&cli.global, &command),
        Command::Alert(command) => alert::run(&cli.global, &command),
        Command::Decision(command) => decision::run(&cli.global, &command),
        Command::Events(args) => events::run(&cli.global, &args),
        Command::Audit(args) => audit::run(&cli.global, &args),
        Command::Trail(args) => trail::run(&cli.global, &args),
        Command::Completions(args) => completions::run(&args),
        Command::Run(args) => run::run(&cli.global, &args),
        Command::Demo(args) => demo::run(&cli.global, &args),
        Command::DemoWorker(args) => {
            demo::worker::run(&args).map(|()| Exit::Fine).context("the demo's worker could not serve")
        }
    };
    result.unwrap_or_else(|error| exit::report(&error)).into()
}
