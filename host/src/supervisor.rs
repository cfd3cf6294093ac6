//! The host as a whole: builds the rooms from the configuration, keeps the pace, ends in order.
//!
//! Nothing starts half-built: what cannot be built is said before the first turn.

mod bind;
mod pace;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::bind::{BindError, bind};
use crate::audit::{Recorder, Trigger};
use crate::config::{Config, DriverKind, RegistrarKind, SourceKind};
use crate::cycle::{Binding, Clock, Cycle, CycleError, Lease, Parts, Patience, SystemClock, TurnReport};
use crate::drivers::process::ProcessDriver;
use crate::drivers::{Driver, DriverError};
use crate::registrars::embedded::EmbeddedRegistrar;
use crate::registrars::{Registrar, RegistrarError};
use crate::registry::{Registry, RegistryError};
use crate::sandbox::{Sandbox, SandboxError};
use crate::sources::http_json::HttpJsonSource;
use crate::sources::process::ProcessSource;
use crate::sources::prometheus::PrometheusSource;
use crate::sources::scrape::ScrapeSource;
use crate::sources::{GatherLimits, Source, Sources};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError, Write, Written};

/// Key of the count of owners of this store.
const EPOCH: &str = "host/epoch";
