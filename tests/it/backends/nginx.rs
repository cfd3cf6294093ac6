//! A real nginx (`TRIMTAB_TEST_NGINX`, else `nginx`).

use std::path::PathBuf;
use std::process::Command;

use super::server::{Server, answers, free_port, program_or_skip};

/// nginx. It ends with this.
pub(crate) struct Nginx {
    server: Server,
    program: PathBuf,
    port: u16,
}

impl Nginx {
    /// Starts one that includes the files `*.conf` of [`Nginx::upstreams`] and serves `/status` (`stub_status`) and these locations.
    pub(crate) async fn start(test: &str, locations: &str) -> Option<Self> {
        let program = program_or_skip(test, "TRIMTAB_TEST_NGINX", "nginx")?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let here = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("  {kind}_temp_path {here}/{kind};\n"))
            .collect();
        // The workers of one that root started would be another user, who may not enter this folder.
        let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
        let text = format!(
            "{user}daemon off;\npid {here}/nginx.pid;\nerror_log {here}/error.log;\nevents {{}}\nhttp {{\n  access_log off;\n{temporary}  \
             include {here}/upstreams/*.conf;\n  server {{\n    listen 127.0.0.1:{port};\n    \
             location /status {{ stub_status; }}\n    {locations}\n  }}\n}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), text).unwrap();
        std::fs::create_dir(folder.path().join("upstreams")).unwrap();
        let mut command = Command::new(&program);
        command.arg("-e").arg(folder.path().join("error.log")).arg("-c").arg(folder.path().join("nginx.conf"));
        let mut nginx = Self { server: Server::start(command, folder), program, port };
        let status = format!("{}/status", nginx.url());
        nginx.server.ready(async || answers(&status).await).await;
        Some(nginx)
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder of the included files.
    pub(crate) fn upstreams(&self) -> PathBuf {
        self.server.folder().join("upstreams")
    }

    /// The file with its pid, which reloads by SIGHUP.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.server.folder().join("nginx.pid")
    }

    /// The command line that checks its configuration: `nginx -t …`.
    pub(crate) fn check(&self) -> Vec<String> {
        let place = |name: &str| self.server.folder().join(name).display().to_string();
        let program = self.program.display().to_string();
        vec![program, "-t".to_owned(), "-e".to_owned(), place("error.log"), "-c".to_owned(), place("nginx.conf")]
    }
}

#[tokio::test]
async fn nginx_takes_in_an_upstream_and_its_check_refuses_nonsense() {
    let Some(nginx) = Nginx::start("nginx", "location /web { proxy_pass http://127.0.0.1:1; }").await else { return };
    let check = nginx.check();
    let sound = || Command::new(&check[0]).args(&check[1..]).output().unwrap().status.success();
    std::fs::write(nginx.upstreams().join("web.conf"), "upstream web { server 127.0.0.1:1; }").unwrap();
    assert!(sound());
    std::fs::write(nginx.upstreams().join("web.conf"), "upstream web { server ").unwrap();
    assert!(!sound());
    let pid: u32 = std::fs::read_to_string(nginx.pid_file()).unwrap().trim().parse().unwrap();
    assert_eq!(pid, nginx.server.pid());
    let status = reqwest::get(format!("{}/status", nginx.url())).await.unwrap().text().await.unwrap();
    assert!(status.starts_with("Active connections: "), "{status}");
}
