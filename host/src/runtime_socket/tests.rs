//! A socket that answers, one that is silent, one that never ends, and names that are more than one command.

use tokio::net::TcpListener;

use super::*;

async fn answering(answer: &'static [u8], hold: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut command = [0; 64];
            let _ = stream.read(&mut command).await;
            let _ = stream.write_all(answer).await;
            if hold {
                held.push(stream);
            }
        }
    });
    at
}

#[tokio::test]
async fn the_answer_ends_with_the_stream() {
    let at = answering(b"New server registered.\n\n", false).await;
    assert_eq!(RuntimeSocket::new(&at, 5_000, 100).unwrap().ask("add server").await.unwrap(), "New server registered.");
}

#[tokio::test]
async fn silence_and_floods_are_cut_off() {
    let silent = RuntimeSocket::new(&answering(b"", true).await, 50, 100).unwrap().ask("show info").await;
    assert!(matches!(silent, Err(SocketError::TimedOut { timeout_ms: 50, .. })), "{silent:?}");
    let flood = RuntimeSocket::new(&answering(&[b'x'; 200], true).await, 5_000, 100).unwrap().ask("show info").await;
    assert!(matches!(flood, Err(SocketError::Long { bytes_max: 100, .. })), "{flood:?}");
}

#[tokio::test]
async fn a_name_cannot_smuggle_in_a_second_command() {
    let socket = RuntimeSocket::new("/nowhere/admin.sock", 50, 100).unwrap();
    for command in ["show info; shutdown frontend f", "show info\nshutdown frontend f", "add map m <<", "a\\;b"] {
        assert!(matches!(socket.ask(command).await, Err(SocketError::NotOne(_))), "{command:?}");
    }
    assert!(matches!(socket.ask("show info").await, Err(SocketError::Io { .. })));
}

#[test]
fn a_place_is_a_path_or_an_address() {
    for wrong in ["", "run/admin.sock", "host", "host:", ":99", "host:0", "host:70000"] {
        assert!(RuntimeSocket::new(wrong, 50, 100).is_err(), "{wrong:?}");
    }
    assert_eq!(RuntimeSocket::new("[::1]:9999", 50, 100).unwrap().to_string(), "[::1]:9999");
}

mod names {
    use super::super::mark::{instance_of, name_of};

    #[test]
    fn each_name_stands_for_one_instance() {
        for id in ["web-1", "a_b", "a/b c", "4f5c:é", "x"] {
            let name = name_of("trimtab.", id);
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte)), "{name}");
            assert_eq!(instance_of("trimtab.", &name).as_deref(), Some(id));
        }
    }

    #[test]
    fn names_of_others_are_nobodys() {
        for name in ["web1", "trimtab.", "trimtab._", "trimtab._zz", "trimtab.a_2F", "trimtab._61", "trimtab._ff"] {
            assert_eq!(instance_of("trimtab.", name), None, "{name}");
        }
    }
}
