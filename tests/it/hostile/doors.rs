//! What nobody should send, sent to a real host: each is refused by its own code, and the host is as large and as quick as
//! before.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use procfs::process::Process;

use crate::host::Host;

const PATIENCE: Duration = Duration::from_secs(60);
/// An endless upload ends here at the latest, if the host does not end it.
const ENDLESS_BYTES_MAX: usize = 1 << 30;
/// What the host may have grown by: its allocator keeps some of what it held for a moment.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

/// A host, its address and its first token.
struct Stage {
    folder: tempfile::TempDir,
    host: Host,
    address: String,
    token: String,
}

/// What came back, and how much was sent until then.
struct Answer {
    status: u16,
    text: String,
    sent: usize,
}

impl Stage {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trimtab.toml");
        std::fs::write(&file, "data_dir = \"data\"\n[api]\nlisten = \"127.0.0.1:0\"\n").unwrap();
        let host = Host::start(&file);
        let address = host.address();
        host.says("running");
        let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap().trim().to_owned();
        Self { folder, host, address, token }
    }

    /// Sends a request line with headers, then pieces of a body until there are no more or the host has answered.
    fn send(&self, head: &str, pieces: impl Iterator<Item = Vec<u8>>) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let head = format!("{head}\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n", self.token);
        let mut sent = 0;
        // A host that has answered hears no more: that a write fails is as it should be.
        let mut heard = stream.write_all(format!("{head}\r\n").as_bytes()).is_ok();
        for piece in pieces {
            heard = heard && stream.write_all(&piece).is_ok();
            if !heard {
                break;
            }
            sent += piece.len();
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, text, sent }
    }

    fn resident_bytes(&self) -> u64 {
        let status = Process::new(i32::try_from(self.host.child.id()).unwrap()).unwrap().status().unwrap();
        status.vmrss.unwrap() * 1024
    }

    fn health(&self) -> Duration {
        let began = Instant::now();
        assert_eq!(self.send("GET /healthz HTTP/1.1", std::iter::empty()).status, 200);
        began.elapsed()
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[test]
fn what_is_too_much_is_refused_at_its_limit_and_leaves_nothing_behind() {
    let stage = Stage::open();
    stage.health();
    let before = stage.resident_bytes();

    // An upload without an end.
    let head = "POST /v1/policies HTTP/1.1\r\ncontent-type: application/wasm\r\ntransfer-encoding: chunked";
    let zeros = chunk(&vec![0; 1 << 20]);
    let endless = std::iter::repeat_n(zeros, ENDLESS_BYTES_MAX >> 20);
    let answer = stage.send(head, endless);
    // The answer may be lost where the kernel resets a connection with unread bytes.
    assert!([0, 413].contains(&answer.status), "{}", answer.text);
    assert!(answer.sent < 192 << 20, "it took {} bytes", answer.sent);

    // One that says beforehand how long it is.
    let head = "POST /v1/policies HTTP/1.1\r\ncontent-type: application/wasm\r\ncontent-length: 1099511627776";
    let answer = stage.send(head, std::iter::empty());
    assert!(answer.status == 413 && answer.text.contains("\"code\":\"body-too-large\""), "{}", answer.text);

    // JSON: too large, too deep, and no text at all.
    let head = "POST /v1/freeze HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ";
    let answer = stage.send(&format!("{head}1099511627776"), std::iter::empty());
    assert!(answer.status == 413 && answer.text.contains("\"code\":\"body-too-large\""), "{}", answer.text);
    for (route, body, code) in [
        ("PUT /v1/bindings/deep", vec![b'['; 1 << 19], "malformed-json"),
        ("POST /v1/freeze", [b"{\"why\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat(), "malformed-json"),
        ("POST /v1/freeze", b"{\"why\":12}".to_vec(), "wrong-shape"),
    ] {
        let length = body.len();
        let head = format!("{route} HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {length}");
        let answer = stage.send(&head, std::iter::once(body));
        assert!((400..500).contains(&answer.status), "{}", answer.text);
        assert!(answer.text.contains(&format!("\"code\":\"{code}\"")), "{code}: {}", answer.text);
    }

    // Headers without measure.
    let answer = stage.send(&format!("GET /healthz HTTP/1.1\r\nx: {}", "x".repeat(1 << 20)), std::iter::empty());
    assert!([0, 431].contains(&answer.status), "{}", answer.text);

    let quick = (0..50).map(|_| stage.health()).max().unwrap();
    assert!(quick < PATIENCE, "{quick:?}");
    let grown = stage.resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "it has grown by {grown} bytes");
    drop(stage.folder);
}
