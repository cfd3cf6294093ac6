//! What the stories run: this test binary itself, in another part. As a test, `worker` does nothing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use trimtab::drivers::process::{ProcessConfig, ProcessDriver};
use trimtab::drivers::{Driver, Step};

use super::rig::decision;

/// The name of the test below.
pub(super) const NAME: &str = "process::worker::worker";

/// The `command` line of a workload that plays this part.
pub(super) fn command() -> String {
    let this = std::env::current_exe().unwrap();
    format!("command = [{:?}, {NAME:?}, \"--exact\", \"--nocapture\"]", this.display().to_string())
}

#[test]
fn worker() {
    match std::env::var("PART").as_deref() {
        Ok("web") => serve(),
        Ok("host") => play_host(),
        _ => {}
    }
}

/// Answers every request with 200, or with 503 as long as the file `SICK` exists, after `DELAY_MS`; holds `BALLAST_MIB` of memory
/// meanwhile.
fn serve() {
    let ballast_mib: usize = std::env::var("BALLAST_MIB").map_or(0, |text| text.parse().unwrap());
    let ballast = vec![1_u8; ballast_mib << 20];
    std::hint::black_box(&ballast);
    let port = std::env::var("PORT").unwrap();
    let sick = std::env::var("SICK").unwrap_or_default();
    let delay_ms: u64 = std::env::var("DELAY_MS").map_or(0, |text| text.parse().unwrap());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0_u8; 1024];
        let _ = stream.read(&mut request);
        std::thread::sleep(std::time::Duration::from_millis(delay_ms));
        let status = if Path::new(&sick).exists() { "503 Service Unavailable" } else { "200 OK" };
        let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

/// Creates instance after instance until it is killed.
fn play_host() {
    let config: ProcessConfig = toml::from_str(&std::env::var("CONFIG").unwrap()).unwrap();
    let data = PathBuf::from(std::env::var("DATA").unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let driver = ProcessDriver::open("local", config, &data).unwrap();
        for number in 1..=1_000 {
            let step = Step::Create { instance: format!("web-{number}") };
            driver.take(&decision("web"), &step).await.unwrap();
        }
    });
}
