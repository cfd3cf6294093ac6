//! `trimtab target clear`: all is well again, says a person.

use anyhow::Result;
use clap::Args;
use reqwest::Method;

use super::super::records::target_id;
use super::super::remote::{Remote, encoded};
use super::super::{Exit, Global, print};

#[derive(Debug, Args)]
pub(in crate::cli) struct ClearArgs {
    /// The target: driver/name.
    target: String,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &ClearArgs) -> Result<Exit> {
    let target = target_id(&args.target)?;
    let path = format!("/v1/targets/{}/{}/clear", encoded(target.driver()), encoded(target.name()));
    let answer = Remote::open(global)?.ask(Method::POST, &path, None)?;
    if args.json {
        print(&format!("{answer:#}\n"))?;
    } else {
        print(&format!("{target}: policies in quarantine are asked again, and losses until now stop nothing\n"))?;
    }
    Ok(Exit::Fine)
}
