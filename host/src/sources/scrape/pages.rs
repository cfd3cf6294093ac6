//! The instances' pages of one turn: each fetched once, and only the lines kept that some reading looks at.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::OnceCell;

use crate::sources::fetch::{Fetcher, parse_url};

/// Most metric names whose lines are kept for later readings of a turn; beyond it an instance may be asked again.
const NAMES_MAX: usize = 1_000;

const ACCEPT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";

#[derive(Debug)]
pub(super) struct Pages {
    fetcher: Fetcher,
    /// `http` or `https`.
    scheme: &'static str,
    path: String,
    turn: Mutex<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    now_ms: u64,
    began: Option<Instant>,
    names: Arc<BTreeSet<String>>,
    pages: HashMap<String, (Arc<BTreeSet<String>>, Cell)>,
}

type Cell = Arc<OnceCell<Result<Arc<Page>, String>>>;

/// The lines of one instance that readings look at.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) text: String,
    /// When it was read: the turn's time, and what had passed since. Rates need it; the turn's time alone is off by the wait.
    pub(super) read_ms: u64,
}

impl Pages {
    pub(super) fn new(fetcher: Fetcher, scheme: &'static str, path: String) -> Self {
        Self { fetcher, scheme, path, turn: Mutex::default() }
    }

    /// Keeps lines of this metric from now on.
    pub(super) fn remember(&self, name: &str) {
        let mut turn = self.lock();
        if !turn.names.contains(name) && turn.names.len() < NAMES_MAX {
            Arc::make_mut(&mut turn.names).insert(name.to_owned());
        }
    }

    /// The page of the instance at this address, fetched if this turn has not yet.
    pub(super) async fn page(&self, address: &str, name: &str, now_ms: u64) -> Result<Arc<Page>, String> {
        let (names, cell, began) = self.cell(address, name, now_ms);
        let fetched = cell.get_or_init(|| async {
            let url = parse_url(&format!("{}://{address}{}", self.scheme, self.path))?;
            let body = self.fetcher.get(url, ACCEPT).await.map_err(|error| error.to_string())?;
            let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let text = std::str::from_utf8(&body).map_err(|error| format!("its answer is not text: {error}"))?;
            Ok(Arc::new(Page { text: keep(text, &names), read_ms: now_ms.saturating_add(waited_ms) }))
        });
        fetched.await.clone()
    }

    fn cell(&self, address: &str, name: &str, now_ms: u64) -> (Arc<BTreeSet<String>>, Cell, Instant) {
        let mut turn = self.lock();
        if turn.now_ms != now_ms {
            turn.now_ms = now_ms;
            turn.began = None;
            turn.pages.clear();
        }
        let began = *turn.began.get_or_insert_with(Instant::now);
        if let Some((names, cell)) = turn.pages.get(address).filter(|(names, _)| names.contains(name)) {
            return (Arc::clone(names), Arc::clone(cell), began);
        }
        let mut names = Arc::clone(&turn.names);
        if !names.contains(name) {
            names = Arc::new(BTreeSet::from([name.to_owned()]));
        }
        let cell = Cell::default();
        turn.pages.insert(address.to_owned(), (Arc::clone(&names), Arc::clone(&cell)));
        (names, cell, began)
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lines whose metric is one of these. A page of megabytes is mostly of no interest, and a turn holds one per instance.
pub(super) fn keep(text: &str, names: &BTreeSet<String>) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        let end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
        if line.get(..end).is_some_and(|name| names.contains(name)) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}
