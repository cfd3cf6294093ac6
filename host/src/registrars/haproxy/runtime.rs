//! One backend by the runtime socket: what its servers are like, and the commands that change them.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Trouble;
use crate::causes::with_causes;
use crate::runtime_socket::{RuntimeSocket, SocketError};

/// How often a deletion is tried again while the last sessions are being shut down.
const SHUTDOWN_TRIES: u32 = 40;
const SHUTDOWN_PAUSE: Duration = Duration::from_millis(25);

/// Characters of HAProxy's own words that are passed on.
const TOLD_CHARS_MAX: usize = 300;

/// `srv_admin_state`: forced, inherited or for want of an address in maintenance (management guide, "show servers state").
const MAINTENANCE: u32 = 0x01 | 0x02 | 0x20;
/// `srv_admin_state`: forced or inherited drain.
const DRAIN: u32 = 0x08 | 0x10;

/// One line of `show servers state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// The backend's number: a frontend may have the backend's name, and statistics by name are then the frontend's.
    backend: u32,
    pub(super) name: String,
    /// `None` for a server without an address, as a slot may be.
    pub(super) at: Option<SocketAddr>,
    pub(super) admin: Admin,
}

/// What it was told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admin {
    Ready,
    Drain,
    Maintenance,
}

impl Admin {
    fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maintenance => "maint",
        }
    }
}

#[derive(Debug)]
pub(super) struct Runtime {
    socket: RuntimeSocket,
    pub(super) backend: String,
}

impl Runtime {
    pub(super) fn new(socket: RuntimeSocket, backend: &str) -> Self {
        Self { socket, backend: backend.to_owned() }
    }

    pub(super) async fn ask(&self, command: &str) -> Result<String, Trouble> {
        self.socket.ask(command).await.map_err(|error| match error {
            SocketError::NotOne(_) => Trouble::Refused(error.to_string()),
            _ => Trouble::Unreachable(format!("{}{}", with_causes(&error), remedy_of(&error))),
        })
    }

    /// Every server of the backend, ours and others'.
    pub(super) async fn servers(&self) -> Result<Vec<Server>, Trouble> {
        let told = self.ask(&format!("show servers state {}", self.backend)).await?;
        read_servers(&told).map_err(|what| {
            let remedy = "; is there such a backend in HAProxy's configuration?";
            Trouble::Refused(format!("backend {}: {what}{remedy}", self.backend))
        })
    }

    pub(super) async fn server(&self, name: &str) -> Result<Option<Server>, Trouble> {
        Ok(self.servers().await?.into_iter().find(|server| server.name == name))
    }

    /// Sessions at this server, and those that wait for it.
    pub(super) async fn sessions(&self, server: &Server) -> Result<u64, Trouble> {
        let told = self.ask(&format!("show stat {} 4 -1", server.backend)).await?;
        let name = &server.name;
        read_sessions(&told, name)
            .ok_or_else(|| Trouble::Refused(format!("its statistics tell nothing of {}/{name}", self.backend)))
    }

    pub(super) async fn set_state(&self, name: &str, state: Admin) -> Result<(), Trouble> {
        self.quiet(&format!("set server {}/{name} state {}", self.backend, state.word())).await
    }

    /// A command that answers nothing when it was carried out.
    pub(super) async fn quiet(&self, command: &str) -> Result<(), Trouble> {
        let told = self.ask(command).await?;
        if told.is_empty() { Ok(()) } else { Err(said(&told)) }
    }

    /// Takes a server out of service and deletes it: HAProxy deletes none that could be given work, and none that is at work.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Trouble> {
        self.set_state(name, Admin::Maintenance).await?;
        let mut left = String::new();
        for _ in 0..SHUTDOWN_TRIES {
            let told = self.ask(&format!("del server {}/{name}", self.backend)).await?;
            match () {
                () if told.contains("deleted") || told.contains("No such server") => return Ok(()),
                // "Server still has connections attached to it, cannot remove it."
                () if told.contains("connections") => left = told,
                () => return Err(said(&told)),
            }
            self.shut_sessions_down(name).await?;
        }
        Err(self.not_emptied(name, &left))
    }

    /// Takes a server out of service and waits until nothing is left at it.
    pub(super) async fn empty(&self, server: &Server) -> Result<(), Trouble> {
        let name = &server.name;
        self.set_state(name, Admin::Maintenance).await?;
        let mut left = 0;
        for _ in 0..SHUTDOWN_TRIES {
            left = self.sessions(server).await?;
            if left == 0 {
                return Ok(());
            }
            self.shut_sessions_down(name).await?;
        }
        Err(self.not_emptied(name, &format!("{left} sessions")))
    }

    async fn shut_sessions_down(&self, name: &str) -> Result<(), Trouble> {
        self.ask(&format!("shutdown sessions server {}/{name}", self.backend)).await?;
        tokio::time::sleep(SHUTDOWN_PAUSE).await;
        Ok(())
    }

    fn not_emptied(&self, name: &str, left: &str) -> Trouble {
        Trouble::Refused(format!("{}/{name} could not be emptied: {left}", self.backend))
    }

    /// Whether the socket may change servers at all, tried on a server that cannot be.
    pub(super) async fn check_level(&self) -> Result<(), Trouble> {
        let told = self.ask(&format!("del server {}/_trimtab_check_", self.backend)).await?;
        if told.contains("No such server") || told.contains("not found") {
            return Ok(());
        }
        if told.contains("Permission denied") {
            return Err(Trouble::Refused(
                "the socket may not change servers; give it `level admin` in HAProxy's configuration".to_owned(),
            ));
        }
        Err(said(&told))
    }
}

fn remedy_of(error: &SocketError) -> &'static str {
    use std::io::ErrorKind;
    match error {
        SocketError::Io { source, .. } => match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                "; does HAProxy run, with `stats socket … level admin` there?"
            }
            ErrorKind::PermissionDenied => "; let this user open it: `user`, `group` and `mode` of its `stats socket`",
            _ => "",
        },
        _ => "",
    }
}

/// HAProxy's own words.
pub(super) fn said(told: &str) -> Trouble {
    let words = plain(&told.lines().take(3).collect::<Vec<_>>().join(" "));
    let remedy = match () {
        () if told.starts_with("Unknown command") => "; this HAProxy is too old to add servers: use slots",
        () if told.contains("Permission denied") => "; give the socket `level admin`",
        () if told.contains("dynamic load balancing") => {
            "; servers can only be added to a backend with `balance` roundrobin, leastconn, random or consistent hashing"
        }
        () => "",
    };
    Trouble::Refused(format!("HAProxy said: {words}{remedy}"))
}

/// As much of it as a person reads, on one line: the socket may tell anything.
fn plain(told: &str) -> String {
    told.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TOLD_CHARS_MAX).collect()
}

/// The table of `show servers state`, of which the columns are found by name: versions differ.
fn read_servers(told: &str) -> Result<Vec<Server>, String> {
    let mut lines =
        told.lines().map(str::trim).filter(|line| !line.is_empty()).skip_while(|line| !line.starts_with('#'));
    let header: Vec<&str> = match lines.next() {
        Some(header) => header.trim_start_matches(['#', ' ']).split_whitespace().collect(),
        None => return Err(plain(told.lines().next().unwrap_or("no answer"))),
    };
    let column = |name: &str| header.iter().position(|at| *at == name).ok_or(format!("its table has no {name}"));
    let (backend, name, address) = (column("be_id")?, column("srv_name")?, column("srv_addr")?);
    let (port, admin) = (column("srv_port")?, column("srv_admin_state")?);
    let server = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let bits: u32 = fields.get(admin)?.parse().ok()?;
        let at = match (fields.get(address)?.parse::<IpAddr>(), fields.get(port)?.parse::<u16>()) {
            (Ok(address), Ok(port)) => Some(SocketAddr::new(address, port)),
            _ => None,
        };
        let admin = match bits {
            bits if bits & MAINTENANCE != 0 => Admin::Maintenance,
            bits if bits & DRAIN != 0 => Admin::Drain,
            _ => Admin::Ready,
        };
        let backend = fields.get(backend)?.parse().ok()?;
        Some(Server { backend, name: (*fields.get(name)?).to_owned(), at, admin })
    };
    lines
        .map(|line| server(line).ok_or_else(|| format!("line {:?} of its table cannot be read", plain(line))))
        .collect()
}

/// `scur` and `qcur` of one server, out of `show stat`.
fn read_sessions(told: &str, name: &str) -> Option<u64> {
    let mut lines = told.lines();
    let header: Vec<&str> = lines.next()?.trim_start_matches(['#', ' ']).split(',').collect();
    let column = |wanted: &str| header.iter().position(|at| *at == wanted);
    let (server, at_it, waiting) = (column("svname")?, column("scur")?, column("qcur")?);
    lines.find_map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        if *fields.get(server)? != name {
            return None;
        }
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(number(at_it)?.saturating_add(number(waiting).unwrap_or(0)))
    })
}
