//! An engine on a machine that is reached by SSH, with a real server there.

use std::path::{Path, PathBuf};
use std::process::Command;

use trimtab::drivers::{Driver as _, DriverError, Step};

use super::stage::{Stage, run};
use crate::backends::engine::Engine;
use crate::backends::server::{Server, program_or_skip};

const PORT: u16 = 2222;

/// A server beside an engine, and what its clients need.
struct Sshd {
    _server: Server,
    folder: PathBuf,
}

impl Sshd {
    async fn beside(engine: &Engine, test: &str) -> Option<Self> {
        let sshd = program_or_skip(test, "TRIMTAB_TEST_SSHD", "sshd")?;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().to_owned();
        for name in ["host", "client", "stranger"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(name));
            let made = keygen.output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let public = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.pub"))).unwrap();
        std::fs::copy(folder.join("client.pub"), folder.join("authorized")).unwrap();
        std::fs::write(folder.join("known"), format!("[127.0.0.1]:{PORT} {}", public("host"))).unwrap();
        std::fs::write(folder.join("others"), format!("[127.0.0.1]:{PORT} {}", public("stranger"))).unwrap();
        // Where it gives up its rights: its unit makes the folder.
        std::fs::create_dir_all("/run/sshd").unwrap();
        let (at, socket) = (folder.display(), engine.socket());
        let text = format!(
            "ListenAddress 127.0.0.1\nPort {PORT}\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             SetEnv DOCKER_HOST=unix://{}\n",
            socket.display()
        );
        std::fs::write(folder.join("sshd_config"), text).unwrap();
        let mut command = engine.inside(sshd);
        command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
        let mut server = Server::start(command, home);
        server
            .ready(async || engine.within(async || tokio::net::TcpStream::connect(("127.0.0.1", PORT)).await.is_ok()))
            .await;
        Some(Self { _server: server, folder })
    }

    fn settings(&self, key: &str, known: &str) -> String {
        let at = |name: &str| Path::new(&self.folder).join(name).display().to_string();
        let url = format!("ssh://root@127.0.0.1:{PORT}");
        let (key, known) = (at(key), at(known));
        format!("[host.far]\nurl = \"{url}\"\nkey_file = \"{key}\"\nknown_hosts_file = \"{known}\"\n")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_is_reached_by_ssh_and_a_stranger_is_not_believed() {
    let test = "docker ssh";
    let Some(engine) = Engine::start(test).await else { return };
    let Some(sshd) = Sshd::beside(&engine, test).await else { return };
    engine.import("worker:1").await;
    run(&engine.client(), "worker:1", "web-1", |_| {}).await;

    let stage = Stage::open(&sshd.settings("client", "known"));
    engine.within(async || {
        stage.driver.check().await.unwrap();
        let up = stage.count("web", 2, "k1").await;
        assert_eq!(stage.make(&up, "web-k1-1").await, "far");
        stage.done(&up, Step::Stop { instance: "web-k1-1".to_owned() }).await;
        stage.done(&up, Step::Remove { instance: "web-k1-1".to_owned() }).await;
        assert_eq!(stage.observe("web").await.instances.len(), 1);
    });

    for (key, known, says) in [
        ("client", "others", "Host key verification failed"),
        ("client", "nothing", "Host key verification failed"),
        ("stranger", "known", "Permission denied"),
    ] {
        let stage = Stage::open(&sshd.settings(key, known));
        let error = engine.within(async || stage.driver.check().await.unwrap_err());
        let DriverError::Unreachable { what, .. } = &error else { panic!("{error:?}") };
        for part in ["on host far", says, "known_hosts_file", "key_file"] {
            assert!(what.contains(part), "{part:?} is not in {what:?}");
        }
    }
    let known = std::fs::read_to_string(sshd.folder.join("nothing")).unwrap_or_default();
    assert_eq!(known, "", "nobody is believed unasked");
}
