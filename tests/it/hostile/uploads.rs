//! Uploads that nobody should make, to a real host: each is refused by a code or taken on purpose, in words that are short and
//! harmless, and neither a process nor a file is left of it.

mod compiling;
mod components;
mod folder;
mod imports;
mod modules;
mod registries;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::table::{Gauge, Rows};
use crate::host::Host;

const PATIENCE: Duration = Duration::from_secs(60);
/// What one upload may take: most of it is the compiler's child, which has 2 s here, and machines are slow.
const CONTAINED_MAX: Duration = Duration::from_secs(30);
/// What the host may have grown by: it holds an upload and what was compiled of it at once, 32 MiB each and more.
const GROWN_BYTES_MAX: u64 = 192 << 20;
/// Characters of a sentence, as the host promises.
const TEXT_CHARS_MAX: usize = 1_000;

/// A name that makes a module one for our contract as far as names go.
const DESCRIBE: &str = "trimtab:policy/decide@0.1.0#describe";

/// A host whose API is asked, and the folder that it runs in.
pub(crate) struct Door {
    folder: tempfile::TempDir,
    host: Host,
    pub(crate) caller: Caller,
}

/// Who asks the API of a host: with its first token. Can be shared among threads.
pub(crate) struct Caller {
    address: String,
    token: String,
}

/// What came of an upload.
pub(crate) struct Verdict {
    /// `tried`, the code of the rejection, or the status and code of the problem.
    pub(crate) code: String,
    /// The whole of what was said about it.
    pub(crate) text: String,
}

impl Door {
    /// A host with these settings beside its API and its data.
    pub(crate) fn open(settings: &str) -> Self {
        Self::open_with(settings, &[])
    }

    /// The same with these files beside the configuration.
    pub(crate) fn open_with(settings: &str, files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let file = folder.path().join("trimtab.toml");
        let head = "data_dir = \"data\"\n";
        let api = "[api]\nlisten = \"127.0.0.1:0\"\n";
        // Keys of the top level, if there are any, stand before the first table.
        let (top, tables) = settings.split_at(settings.find('[').unwrap_or(settings.len()));
        std::fs::write(&file, format!("{head}{top}{api}{tables}")).unwrap();
        let host = Host::start(&file);
        let address = host.address();
        host.says("running");
        let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap().trim().to_owned();
        Self { folder, host, caller: Caller { address, token } }
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.host.child.id()
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The sum of a measure of the host over all its labels.
    pub(crate) fn measured(&self, name: &str) -> f64 {
        let text = self.caller.said("GET /metrics", "text/plain", b"");
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// One upload as a row of the table.
    fn row(&self, rows: &mut Rows, behaviour: &str, must: &str, bytes: &[u8]) -> Verdict {
        self.row_of(rows, behaviour, must, || self.caller.push(bytes))
    }

    /// The same of whatever brings an upload in.
    fn row_of(&self, rows: &mut Rows, behaviour: &str, must: &str, upload: impl FnOnce() -> Verdict) -> Verdict {
        let gauge = Gauge::of(self.host.child.id());
        let verdict = upload();
        rows.add_within(behaviour, must, &verdict.code, gauge.read(), CONTAINED_MAX, GROWN_BYTES_MAX);
        if verdict.code != "tried" {
            println!("        {}", verdict.text.chars().take(160).collect::<String>());
            let bounded = verdict.text.chars().count() <= TEXT_CHARS_MAX + 300;
            let harmless = |c: char| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
            assert!(bounded && verdict.text.chars().all(harmless), "{behaviour}: {:?}", verdict.text);
        }
        verdict
    }

    /// Nothing is left of what was sent: no child, dead or alive, no file half written, and an artefact of what was tried alone. The
    /// host takes in a good policy, as ever.
    pub(crate) fn is_as_before(&self) {
        let good = self.caller.push(&guest("")).code;
        // Where the watched folder took it in already, it acts.
        assert!(matches!(&*good, "tried" | "active"), "a good policy after all of that: {good}");
        let began = Instant::now();
        while !self.children().is_empty() {
            assert!(began.elapsed() < PATIENCE, "children of the host: {:?}", self.children());
            std::thread::sleep(Duration::from_millis(5));
        }
        let artefacts = self.files("artefacts");
        assert!(artefacts.iter().all(|file| file.extension().is_some_and(|end| end == "cwasm")), "{artefacts:?}");
        let strays: Vec<PathBuf> = self.files("").into_iter().filter(|file| !is_known(file)).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }

    /// Processes that the host has started, those that ended and were not waited for among them.
    fn children(&self) -> Vec<i32> {
        let host = i32::try_from(self.host.child.id()).unwrap();
        let all = procfs::process::all_processes().unwrap().flatten();
        all.filter(|process| process.stat().is_ok_and(|stat| stat.ppid == host)).map(|process| process.pid).collect()
    }

    /// Files in a folder of the data directory.
    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let folder = self.folder.path().join("data").join(folder);
        let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
        entries.unwrap_or_default()
    }
}

impl Caller {
    /// One request; the status, and the answer as JSON (null where it is none).
    pub(crate) fn ask(&self, request: &str, media_type: &str, body: &[u8]) -> (u16, Value) {
        let text = self.said(request, media_type, body);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// One request; all that is answered.
    fn said(&self, request: &str, media_type: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\ncontent-type: {media_type}\r\n\
             content-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        // A host that has answered hears no more.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Uploads these bytes and waits for what becomes of them.
    pub(crate) fn push(&self, bytes: &[u8]) -> Verdict {
        self.seen_through(self.ask("POST /v1/policies", "application/wasm", bytes))
    }

    /// Has the host pull this reference and waits for what becomes of it.
    pub(crate) fn pull(&self, reference: &str) -> Verdict {
        let body = serde_json::json!({ "reference": reference }).to_string();
        self.seen_through(self.ask("POST /v1/policies/pull", "application/json", body.as_bytes()))
    }

    fn seen_through(&self, answer: (u16, Value)) -> Verdict {
        let (status, said) = answer;
        if status != 202 {
            return self.known(status, &said);
        }
        let job = said["job"].as_u64().unwrap();
        let began = Instant::now();
        loop {
            let (_, job) = self.ask(&format!("GET /v1/jobs/{job}"), "application/json", b"");
            match job["state"].as_str() {
                Some("done") => return self.known(200, &job["version"]),
                Some("failed") => {
                    let text = job["failed"].as_str().unwrap().to_owned();
                    // Of a pull, the code stands in front.
                    let code = text.split(':').next().unwrap_or_default().to_owned();
                    return Verdict { code, text };
                }
                _ => assert!(began.elapsed() < PATIENCE * 2, "not seen through: {job}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn known(&self, status: u16, said: &Value) -> Verdict {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rejected = &said["rejected"];
        match status {
            200 if rejected.is_object() => Verdict {
                code: text(&rejected["code"]),
                text: format!("{}: {}", text(&rejected["text"]), text(&rejected["remedy"])),
            },
            200 => Verdict { code: text(&said["state"]), text: said.to_string() },
            _ => Verdict { code: format!("{status} {}", text(&said["code"])), text: text(&said["detail"]) },
        }
    }
}

/// What a host keeps in its data directory.
fn is_known(file: &std::path::Path) -> bool {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    name.starts_with("trimtab.db") || ["lock", "admin.token", "artefacts", "process"].contains(&name.as_str())
}

/// The guest in WAT, a whole policy, with further fields of its module.
pub(crate) fn guest(further: &str) -> Vec<u8> {
    let module = include_str!("../../guests/wat/policy.wat").trim_end().strip_suffix(')').unwrap();
    let module = module.replacen("(module", "(module (@custom \"trimtab:string-encoding\" \"utf8\")", 1);
    wat::parse_str(format!("{module}\n{further})")).unwrap()
}

/// The guest as a component.
fn component() -> Vec<u8> {
    let mut module = wat::parse_str(include_str!("../../guests/wat/policy.wat")).unwrap();
    let (world, mut resolve) = (trimtab::policy::world(), wit_parser::Resolve::default());
    let package = resolve.push_str("policy.wit", &world.wit).unwrap();
    let world = resolve.select_world(&[package], Some(&world.name)).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).unwrap();
    wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// A module that is a policy by the name of an export alone: enough to be looked into.
fn shell(further: &str) -> Vec<u8> {
    let text = format!(
        "(module (@custom \"trimtab:string-encoding\" \"utf8\") {further} (func (export \"{DESCRIBE}\") unreachable))"
    );
    wat::parse_str(text).unwrap()
}

/// A section of these bytes, its head first.
fn section(id: u8, data: &[u8]) -> Vec<u8> {
    let mut section = vec![id];
    leb(data.len(), &mut section);
    section.extend_from_slice(data);
    section
}

/// A custom section.
fn custom(name: &str, bytes: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(bytes + 16);
    leb(name.len(), &mut data);
    data.extend_from_slice(name.as_bytes());
    data.resize(data.len() + bytes, 0);
    section(0, &data)
}

/// A number in LEB128, as all lengths are written.
fn leb(mut number: usize, into: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            return into.push(low);
        }
        into.push(low | 0x80);
    }
}
