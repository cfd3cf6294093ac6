//! Bindings in a table of a real PostgreSQL, read by the built binary, which scales real processes by them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::backends::postgres::Postgres;
use crate::cli::{Desk, Ran};
use crate::host::Host;

const PATIENCE: Duration = Duration::from_secs(60);

/// Two workloads; a label of the second says how many there may be.
const CONFIG: &str = r#"
data_dir = "DATA"
[api]
listen = "127.0.0.1:0"
[driver.local.process]
cgroups = false
[driver.local.process.workload.web]
command = ["sleep", "300"]
replicas = 0
labels = { app = "web" }
[driver.local.process.workload.api]
command = ["sleep", "300"]
replicas = 0
labels = { app = "api", "trimtab.max" = "1" }
[caps.all]
select = { driver = "local" }
replicas = { max = 3 }
[bindings_from.ops.sql]
url = "URL"
user = "trimtab"
tls = "off"
every = "1s"
"#;

/// Five, as far as anything lets them be.
fn row(app: &str, max: &str) -> String {
    format!(
        r#"select = {{ driver = "local", labels = {{ app = "{app}" }} }}
every = "200ms"
replicas = {{ min = 0, max = {max} }}
stabilization = {{ up = "0s", down = "0s" }}
cooldown = {{ up = "0s", down = "0s" }}
step = {{ up = 10, down = 10 }}
labels_allowed = ["max"]
[[policy]]
use = "schedule"
params = {{ windows = ["exactly 5 from '0 0 * * *' for 1w"] }}
"#
    )
}

struct Ops {
    desk: Desk,
    file: PathBuf,
    host: Host,
    address: String,
    connection: PgConnection,
}

impl Ops {
    async fn put(&mut self, name: &str, settings: &str) {
        let put = "INSERT INTO trimtab_bindings VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET settings = $2";
        sqlx::query(put).bind(name).bind(settings).execute(&mut self.connection).await.unwrap();
    }

    async fn does(&mut self, statement: &'static str) {
        self.connection.execute(sqlx::raw_sql(statement)).await.unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.desk.run(&[args, &["--host", &self.address]].concat())
    }

    /// Waits until an answer is so.
    fn until(&self, args: &[&str], is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let ran = self.run(&[args, &["--json"]].concat());
            let value = serde_json::from_str(&ran.out).unwrap_or(Value::Null);
            if is(&value) {
                return value;
            }
            assert!(Instant::now() < end, "{args:?}: {}{}", ran.out, ran.err);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn stands_at(&self, target: &str, replicas: u64) {
        self.until(&["target", "show", target], |shown| {
            shown["target"]["desired"] == replicas && shown["target"]["ready"] == replicas
        });
    }

    /// Waits until the table was looked at so.
    fn table(&self, is: impl Fn(&Value) -> bool) -> Value {
        self.until(&["binding", "tables"], |tables| is(&tables[0]))[0].take()
    }

    fn start_again(&mut self) {
        self.host.tell(Signal::KILL);
        self.host.child.wait().unwrap();
        self.host = Host::start(&self.file);
        self.address = format!("http://{}", self.host.address());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_real_database_scale_real_processes() {
    let Some(server) = Postgres::start("bindings in PostgreSQL").await else { return };
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    connection.execute("CREATE TABLE trimtab_bindings (name varchar(63) PRIMARY KEY, settings text)").await.unwrap();
    let desk = Desk::new();
    let data = desk.path().join("data").display().to_string();
    let url = server.url().replace("trimtab@", "");
    let file = desk.put("trimtab.toml", &CONFIG.replace("DATA", &data).replace("URL", &url));
    let host = Host::start(&file);
    let address = format!("http://{}", host.address());
    let mut ops = Ops { desk, file, host, address, connection };

    ops.table(|table| table["read_at_ms"].is_u64());
    ops.put("web", &row("web", "2")).await;
    ops.put("api", &row("api", "2")).await;
    ops.stands_at("local/web", 2);
    ops.stands_at("local/api", 1);
    ops.put("web", &row("web", "4")).await;
    ops.stands_at("local/web", 3);
    let shown = ops.until(&["binding", "show", "web"], |_| true);
    assert_eq!(
        (&shown["made_by"], &shown["table"], &shown["replicas_max"]),
        (&"table".into(), &"ops".into(), &4.into())
    );

    ops.put("web", &row("web", "many")).await;
    ops.host.says("a row is refused: what was in force stays");
    let table = ops.table(|table| table["rows_refused"] == 1);
    let refused = &table["refused"][0];
    assert_eq!(
        (&refused["name"], &refused["reason"], &refused["earlier_in_force"]),
        (&"web".into(), &"complaints".into(), &true.into())
    );
    assert!(
        ops.run(&["binding", "tables"])
            .out
            .contains("refused: web (what it said before is in force)  table ops, row web:3:")
    );
    let checked = ops.desk.run(&["check", "--connect"]);
    assert_eq!(checked.code, 2, "{}{}", checked.out, checked.err);
    assert!(
        checked.out.contains("table ops was read: 1 sound, 1 refused\n  web: table ops, row web:3:"),
        "{}",
        checked.out
    );
    ops.desk.put("web.json", r#"{"select": {"driver": "local"}, "policy": [{"use": "schedule"}]}"#);
    let put = ops.run(&["binding", "put", "web.json", "--name", "web"]);
    assert!(put.code == 1 && put.err.contains("comes from table ops"), "{} {}", put.code, put.err);

    ops.does("DROP TABLE trimtab_bindings").await;
    ops.table(|table| table["problem"].as_str().is_some_and(|why| why.contains("does not exist")));
    ops.stands_at("local/web", 3);
    ops.start_again();
    let table = ops.table(|table| table["failures"].as_u64() > Some(1));
    assert_eq!(table["in_force"], serde_json::json!(["api", "web"]), "what was last taken holds over a start");
    ops.stands_at("local/web", 3);

    ops.does("CREATE TABLE trimtab_bindings (name text, settings jsonb)").await;
    for app in ["web", "api"] {
        let document = serde_json::to_string(&row(app, "0").parse::<toml::Table>().unwrap()).unwrap();
        let insert = "INSERT INTO trimtab_bindings VALUES ($1, $2::jsonb)";
        sqlx::query(insert).bind(app).bind(document).execute(&mut ops.connection).await.unwrap();
    }
    ops.stands_at("local/web", 0);
    ops.stands_at("local/api", 0);
    let trail = ops.until(&["trail"], |_| true);
    let by_table = trail.as_array().unwrap().iter().filter(|change| change["who"] == "table ops").count();
    assert!(by_table >= 5, "{trail}");
}
