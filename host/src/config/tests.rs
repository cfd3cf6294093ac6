use std::path::Path;

use super::*;
use crate::sandbox::{Tier, TierSettings};

fn parse(text: &str) -> Result<Config, Complaints> {
    Config::parse(text, Path::new("/etc/trimtab/trimtab.toml"))
}

#[test]
fn the_example_of_the_design_is_a_configuration() {
    let config = parse(
        r#"
[driver.local.process]

[source.prom.prometheus]
url = "http://127.0.0.1:9090"

[binding.web]
select = { driver = "local", labels = { app = "web" } }
every = "15s"
replicas = { min = 2, max = 10 }
cpu = { min = "100m", max = "2" }
memory = { min = "64Mi", max = "1Gi" }
cooldown = { up = "15s", down = "2m" }

[[binding.web.reading]]
name = "requests_per_second"
source = "prom"
query = 'sum by (target) (rate(http_requests_total[1m]))'

[[binding.web.policy]]
use = "target-tracking"
params = { reading = "requests_per_second", target = 50.0 }
"#,
    )
    .unwrap_or_else(|complaints| panic!("{complaints}"));
    let web = config.binding("web").unwrap();
    assert_eq!(web.settings.replicas, crate::bounds::Range { min: 2, max: 10 });
    assert_eq!(web.settings.cpu_millis, crate::bounds::Range { min: Some(100), max: Some(2000) });
    assert_eq!(web.settings.cooldown.down_ms, 120_000);
    assert_eq!(web.policies[0].slot, "target-tracking");
    assert_eq!(web.policies[0].params["target"], serde_json::json!(50.0));
    assert_eq!(config.data_dir, Path::new("/etc/trimtab/trimtab-data"));
    assert_eq!(config.warnings, []);
}

/// A file with one faultless binding, to which a test adds.
const SOUND: &str = r#"
[driver.local.process]
[source.prom.prometheus]
url = "http://127.0.0.1:9090"
"#;

fn with_binding(lines: &str) -> String {
    format!("{SOUND}\n[binding.web]\n{lines}\n")
}

/// A table of docs/config.md, and a file that holds it.
struct Documented {
    heading: &'static str,
    /// The column in which its defaults stand.
    defaults: &'static str,
    /// The file up to the table's keys.
    header: &'static str,
    /// What the table must hold besides the key that is tried.
    needs: &'static [(&'static str, &'static str)],
}

const fn documented(
    heading: &'static str,
    header: &'static str,
    needs: &'static [(&'static str, &'static str)],
) -> Documented {
    Documented { heading, defaults: "default", header, needs }
}

const SELECT: (&str, &str) = ("select", "{ driver = \"local\" }");
const POLICY: (&str, &str) = ("policy", "[{ use = \"target-tracking\" }]");
const URL: &[(&str, &str)] = &[("url", "\"http://127.0.0.1:9090\"")];

/// Keys that stand in place of others which their tables need.
const INSTEAD: &[(&str, &[&str])] = &[
    ("bearer_token", &["user", "password"]),
    ("url", &["ca_file", "cert_file", "key_file"]),
    ("file", &["listen"]),
    ("tls", &["cert_file", "key_file"]),
];

/// Keys that want another table around them than the rest.
const ALONGSIDE: &[(&str, &[(&str, &str)])] = &[("known_hosts_file", &[("url", "\"ssh://deploy@10.0.0.7\"")])];

const TABLES: &[Documented] = &[
    documented("Top level", "", &[]),
    documented("`[records]`", "[records]", &[]),
    // Most addresses are refused without this.
    documented("`[api]`", "[api]", &[("allow_insecure", "true")]),
    documented("`[policies]`", "policies_dir = \"policies\"\n[policies]", &[("watch", "true")]),
    documented("`[[policies.trusted_keys]]`", "[[policies.trusted_keys]]", &[("name", "\"x\""), ("key", "\"x\"")]),
    // A user without a password, and the other way round, is refused.
    documented(
        "`[[policies.registries]]`",
        "[[policies.registries]]",
        &[("host", "\"127.0.0.1:5000\""), ("user", "\"x\""), ("password", "{ env = \"X\" }")],
    ),
    documented(
        "`[api.tls]`",
        "[api.tls]",
        &[
            ("cert", "\"api.pem\""),
            ("key", "\"api.key\""),
            ("client_ca", "\"clients.pem\""),
            ("client_certs", "\"optional\""),
        ],
    ),
    documented("`[telemetry]`", "[telemetry]", &[]),
    documented("`[telemetry.otlp]`", "[telemetry.otlp]", &[("endpoint", "\"http://127.0.0.1:4318\"")]),
    documented("`[notice.NAME]`", "[notice.ops]", &[("url", "{ env = \"CHAT_URL\" }")]),
    documented("`[bindings_from.NAME.sql]`", "[bindings_from.ops.sql]", &[("url", "\"postgres://127.0.0.1/ops\"")]),
    documented("`[sandbox]`", "[sandbox]", &[]),
    Documented {
        defaults: "default in `compiled`",
        ..documented("`[sandbox.compiled]`, `[sandbox.interpreted]`", "[sandbox.compiled]", &[])
    },
    Documented {
        defaults: "default in `interpreted`",
        ..documented("`[sandbox.compiled]`, `[sandbox.interpreted]`", "[sandbox.interpreted]", &[])
    },
    documented("`[sandbox.upload]`", "[sandbox.upload]", &[]),
    documented("`[sandbox.compile]`", "[sandbox.compile]", &[]),
    documented("`[driver.NAME.docker]`", "[driver.other.docker]", &[]),
    // Certificates are refused for a socket, and each without the others.
    documented(
        "`[driver.NAME.docker.host.HOST]`",
        "[driver.other.docker.host.a]",
        &[
            ("url", "\"tcp://127.0.0.1:2376\""),
            ("ca_file", "\"ca.pem\""),
            ("cert_file", "\"cert.pem\""),
            ("key_file", "\"key.pem\""),
        ],
    ),
    documented("`[driver.NAME.docker.workload.WORKLOAD]`", "[driver.other.docker.workload.web]", &[]),
    documented("`[driver.NAME.process]`", "[driver.other.process]", &[]),
    // The three files go together.
    documented(
        "`[driver.NAME.swarm]`",
        "[driver.other.swarm]",
        &[("ca_file", "\"ca.pem\""), ("cert_file", "\"cert.pem\""), ("key_file", "\"key.pem\"")],
    ),
    documented(
        "`[driver.NAME.process.workload.WORKLOAD]`",
        "[driver.other.process.workload.web]",
        &[("command", "[\"/usr/local/bin/web\"]")],
    ),
    documented(
        "`[driver.NAME.process.workload.WORKLOAD.health.http]`",
        "[driver.other.process.workload.web]\ncommand = [\"web\"]\nports = \"1-9\"\n[driver.other.process.workload.web.health.http]",
        &[],
    ),
    documented(
        "`[driver.NAME.process.workload.WORKLOAD.health.tcp]`",
        "[driver.other.process.workload.web]\ncommand = [\"web\"]\nports = \"1-9\"\n[driver.other.process.workload.web.health.tcp]",
        &[],
    ),
    documented(
        "`[driver.NAME.process.workload.WORKLOAD.restart]`",
        "[driver.other.process.workload.web]\ncommand = [\"web\"]\n[driver.other.process.workload.web.restart]",
        &[],
    ),
    documented(
        "`[registrar.NAME.embedded]`",
        "[registrar.front.embedded]",
        &[("listen", "\"127.0.0.1:0\""), ("serves", "[\"local/web\"]")],
    ),
    documented(
        "`[registrar.NAME.haproxy]`",
        "[registrar.lb.haproxy]",
        &[("socket", "\"/run/haproxy.sock\""), ("serves", "{ \"local/web\" = { backend = \"web\" } }")],
    ),
    documented(
        "`[registrar.NAME.haproxy.serves.TARGET]`",
        "[registrar.lb.haproxy]\nsocket = \"/run/haproxy.sock\"\n[registrar.lb.haproxy.serves.\"local/web\"]",
        &[("backend", "\"web\"")],
    ),
    documented(
        "`[registrar.NAME.haproxy-data-plane]`",
        "[registrar.lb.haproxy-data-plane]",
        &[
            ("url", "\"http://127.0.0.1:5555\""),
            ("user", "\"x\""),
            ("password_file", "\"x\""),
            ("serves", "{ \"local/web\" = \"web\" }"),
        ],
    ),
    documented(
        "`[registrar.NAME.nginx]`",
        "[registrar.front.nginx]",
        &[("file", "\"web.conf\""), ("upstream", "\"web\""), ("serves", "[\"local/web\"]")],
    ),
    documented(
        "`[registrar.NAME.traefik]`",
        "[registrar.front.traefik]",
        &[("service", "\"web\""), ("serves", "[\"local/web\"]"), ("listen", "\"127.0.0.1:0\"")],
    ),
    documented(
        "`[registrar.NAME.envoy]`",
        "[registrar.front.envoy]",
        &[("cluster", "\"web\""), ("serves", "[\"local/web\"]"), ("listen", "\"127.0.0.1:0\"")],
    ),
    documented("`[source.NAME.nginx]`", "[source.other.nginx]", URL),
    documented("`[source.NAME.traefik]`", "[source.other.traefik]", URL),
    documented("`[source.NAME.envoy]`", "[source.other.envoy]", URL),
    // A user without a password, and a certificate without its key, are refused.
    documented(
        "`[source.NAME.prometheus]`",
        "[source.other.prometheus]",
        &[
            ("url", "\"http://127.0.0.1:9090\""),
            ("user", "\"x\""),
            ("password", "{ env = \"X\" }"),
            ("cert_file", "\"x\""),
            ("key_file", "\"x\""),
        ],
    ),
    documented("`[source.NAME.docker]`", "[source.other.docker]", &[]),
    documented(
        "`[source.NAME.docker.host.HOST]`",
        "[source.other.docker.host.a]",
        &[("url", "\"tcp://127.0.0.1:2376\""), ("ca_file", "\"x\""), ("cert_file", "\"x\""), ("key_file", "\"x\"")],
    ),
    documented(
        "`[source.NAME.redis]`",
        "[source.other.redis]",
        &[
            ("url", "\"rediss://127.0.0.1\""),
            ("user", "\"x\""),
            ("password", "{ env = \"X\" }"),
            ("cert_file", "\"x\""),
            ("key_file", "\"x\""),
        ],
    ),
    documented(
        "`[source.NAME.sql]`",
        "[source.other.sql]",
        &[("url", "\"postgres://127.0.0.1/shop\""), ("cert_file", "\"x\""), ("key_file", "\"x\"")],
    ),
    documented(
        "`[source.NAME.rabbitmq]`",
        "[source.other.rabbitmq]",
        &[("url", "\"http://127.0.0.1:9090\""), ("user", "\"x\""), ("password", "{ env = \"X\" }")],
    ),
    documented("`[source.NAME.scrape]`", "[source.other.scrape]", &[]),
    documented("`[source.NAME.http-json]`", "[source.other.http-json]", URL),
    documented("`[source.NAME.haproxy]`", "[source.other.haproxy]", &[("at", "\"/run/haproxy.sock\"")]),
    documented("`[source.NAME.push]`", "[source.other.push]", &[]),
    documented("`[caps.NAME]`", "[caps.small]", &[SELECT, ("replicas", "{ max = 5 }")]),
    documented("`[group.NAME]`", "[group.other]", &[("replicas_max", "5")]),
    // An example names a group, which then must be there.
    documented("`[binding.NAME]`", "[group.shop]\nreplicas_max = 5\n[binding.web]", &[SELECT, POLICY]),
    documented(
        "`[[binding.NAME.reading]]`",
        "[binding.web]\nselect = { driver = \"local\" }\npolicy = [{ use = \"x\" }]\n[[binding.web.reading]]",
        &[("name", "\"load\""), ("source", "\"prom\"")],
    ),
    documented(
        "`[[binding.NAME.policy]]`",
        "[binding.web]\nselect = { driver = \"local\" }\n[[binding.web.policy]]",
        &[("use", "\"target-tracking\"")],
    ),
    documented(
        "`[[binding.NAME.alert]]`",
        "[binding.web]\nselect = { driver = \"local\" }\npolicy = [{ use = \"x\" }]\n[[binding.web.alert]]",
        &[("match", "{ alertname = \"QueueGrows\" }")],
    ),
];

const DOCS: &str = include_str!("../../../docs/config.md");

impl Documented {
    /// Its rows: key, example, default.
    fn rows(&self) -> Vec<(String, String, Option<String>)> {
        let heading = self.heading;
        let (_, section) =
            DOCS.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
        let section = section.split("\n## ").next().unwrap();
        let mut lines = section.lines().skip_while(|line| !line.starts_with("| key "));
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches(|c| c == '|' || c == ' ').split(" | ").map(|cell| cell.trim().to_owned()).collect()
        };
        let columns = cells(lines.next().unwrap());
        let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
        let (example, default) = (column("example"), column(self.defaults));
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        lines
            .filter(|line| line.starts_with("| `"))
            .map(|line| {
                let row = cells(line);
                assert_eq!(row.len(), columns.len(), "{line}");
                (bare(&row[0]), bare(&row[example]), Some(bare(&row[default])).filter(|default| default != "–"))
            })
            .collect()
    }

    /// A file in which the table says `key = value` besides what it must hold.
    fn file(&self, key: &str, value: Option<&str>) -> String {
        let tried = value.map(|value| format!("{key} = {value}\n"));
        let instead = INSTEAD.iter().filter(|(one, _)| *one == key).flat_map(|(_, others)| others.iter());
        let others: Vec<&&str> = instead.collect();
        let around = ALONGSIDE.iter().find(|(one, _)| *one == key).map_or(self.needs, |(_, needs)| needs);
        let needs = around.iter().filter(|(needed, _)| *needed != key && !others.contains(&needed));
        let needs: String = needs.map(|(key, value)| format!("{key} = {value}\n")).collect();
        format!("{}\n{needs}{}{SOUND}", self.header, tried.unwrap_or_default())
    }

    /// What a file comes to, places and warnings aside.
    fn parse(&self, key: &str, value: Option<&str>) -> Config {
        let text = self.file(key, value);
        let mut config = parse(&text).unwrap_or_else(|complaints| panic!("{}: {complaints}\n{text}", self.heading));
        config.digest.clear();
        config.warnings.clear();
        for binding in &mut config.bindings {
            binding.place = Place::default();
            binding.reading_places.clear();
            binding.policies.iter_mut().for_each(|policy| {
                policy.place = Place::default();
                policy.param_places.clear();
            });
        }
        config.drivers.iter_mut().for_each(|driver| driver.place = Place::default());
        config.sources.iter_mut().for_each(|source| source.place = Place::default());
        config.registrars.iter_mut().for_each(|registrar| registrar.place = Place::default());
        // A tier's settings are changes to its limits: what counts is what they come to.
        let come_to = |config: &Config, tier| -> TierSettings {
            serde_json::from_value(serde_json::to_value(config.sandbox.limits(tier).unwrap()).unwrap()).unwrap()
        };
        config.sandbox.compiled = come_to(&config, Tier::Compiled);
        config.sandbox.interpreted = come_to(&config, Tier::Interpreted);
        config
    }
}

#[test]
fn every_example_in_the_documentation_parses() {
    for table in TABLES {
        for (key, example, _) in table.rows() {
            // Whether another user can be had depends on who runs the test, and is told apart from a wrong key.
            let text = table.file(&key, Some(&example));
            match parse(&text) {
                Err(found) if found.complaints.iter().all(|complaint| complaint.what.contains("only root")) => {}
                Err(complaints) => panic!("{key} of {}: {complaints}\n{text}", table.heading),
                Ok(_) => {}
            }
        }
    }
    let blocks: Vec<&str> = DOCS.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        parse(block).unwrap_or_else(|complaints| panic!("{complaints}\n{block}"));
    }
}

#[test]
fn every_default_in_the_documentation_is_the_one_that_holds() {
    for table in TABLES {
        for (key, _, default) in table.rows() {
            let Some(default) = default else { continue };
            assert_eq!(table.parse(&key, Some(&default)), table.parse(&key, None), "{key} of {}", table.heading);
        }
    }
}

#[test]
fn every_key_that_the_host_knows_is_documented() {
    for table in TABLES {
        let complaints = parse(&table.file("zzzzzzzzzzzzzzzzzzzz", Some("1"))).unwrap_err().complaints;
        let [complaint] = complaints.as_slice() else { panic!("{complaints:?}") };
        let known = complaint.remedy.strip_prefix("known here: ").unwrap();
        let mut known: Vec<&str> = known.split(", ").collect();
        if table.heading == "Top level" {
            known.retain(|key| {
                ![
                    "api",
                    "binding",
                    "bindings_from",
                    "caps",
                    "driver",
                    "group",
                    "notice",
                    "source",
                    "registrar",
                    "records",
                    "policies",
                    "sandbox",
                    "telemetry",
                ]
                .contains(key)
            });
        }
        known.sort_unstable();
        let mut documented: Vec<String> = table.rows().into_iter().map(|(key, _, _)| key).collect();
        documented.sort();
        assert_eq!(known, documented, "{}", table.heading);
    }
}

#[test]
fn a_table_of_bindings_is_refused_with_every_complaint_and_passwords_are_not_repeated() {
    let text = "[driver.local.process]
[bindings_from.ops.sql]
url = \"postgres://me:hush@127.0.0.1/ops\"
every = \"1ms\"
rows_max = 0
queri = \"SELECT\"
tls = \"on\"
[bindings_from.second.csv]
[bindings_from.\"third one\".sql]
";
    let found = parse(text).unwrap_err();
    let told = found.to_string();
    for expected in [
        ":3:7: bindings_from.ops.sql.url: a url must hold no user and no password",
        ":4:9: bindings_from.ops.sql.every: 1ms is not within 1s to 1d",
        ":5:12: bindings_from.ops.sql.rows_max: 0 is not within 1 to 10000",
        ":6:1: bindings_from.ops.sql.queri: unknown key \"queri\"; did you mean \"query\"?",
        ":7:7: bindings_from.ops.sql.tls: \"on\" is not known here",
        "bindings_from.second: sql is missing; write [bindings_from.NAME.sql] with a url",
        "bindings_from.second.csv: unknown key \"csv\"",
        "\"third one\" is not a name",
        "url is missing",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert_eq!((found.complaints.len(), told.contains("hush")), (9, false), "{told}");

    let config = parse("[driver.local.process]\n[bindings_from.ops.sql]\nurl = \"sqlite:ops.db\"").unwrap();
    assert_eq!(config.tables[0].database.url, "sqlite:/etc/trimtab/ops.db");
    assert!(config.warnings.is_empty(), "no binding in the file is no doubt here: {:?}", config.warnings);
}

#[test]
fn a_row_is_read_as_the_file_is_as_toml_or_json() {
    let config = parse("[driver.local.process]").unwrap();
    let read = |settings: &str| config.row_binding("table ops, row web", "web", settings);
    let toml = "select = { driver = \"local\" }\n[[policy]]\nuse = \"schedule\"";
    let mut bindings = [toml, r#" {"select": {"driver": "local"}, "policy": [{"use": "schedule"}]}"#]
        .map(|settings| read(settings).unwrap_or_else(|complaints| panic!("{complaints}")));
    for binding in &mut bindings {
        binding.place = Place::default();
        binding.policies[0].place = Place::default();
    }
    assert_eq!(bindings[0], bindings[1]);
    for (settings, expected) in [
        (
            "[[policy]]\nuse = \"x\"\ntire = 1",
            "table ops, row web:3:1: binding.web.policy[1].tire: unknown key \"tire\"",
        ),
        ("select = ", "table ops, row web:1:10: is not TOML"),
        ("{\n\"select\": }", "table ops, row web:2:11: is not JSON"),
        ("{\"select\": null}", "table ops, row web: cannot be taken"),
        ("[binding.web]\nevery = \"1s\"", "unknown key \"binding\""),
        ("", "binding.web: policy is missing"),
    ] {
        let told = read(settings).unwrap_err().to_string();
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert!(config.row_binding("row", "no name", toml).unwrap_err().to_string().contains("\"no name\" is not a name"));
}

#[test]
fn relative_paths_start_from_the_files_own_folder() {
    let text = "data_dir = \"state\"\n[driver.local.process]\nstate_dir = \"web\"\nlauncher = \"/bin/trimtab\"";
    let config = parse(text).unwrap();
    let DriverKind::Process(process) = &config.drivers[0].kind else { panic!("not a process driver") };
    assert_eq!(config.data_dir, Path::new("/etc/trimtab/state"));
    assert_eq!(process.state_dir.as_deref(), Some(Path::new("/etc/trimtab/web")));
    assert_eq!(process.launcher.as_deref(), Some(Path::new("/bin/trimtab")));
}

#[test]
fn the_sides_of_a_resize_step_are_the_ones_that_the_bounds_ask() {
    let text = with_binding(
        "select = { driver = \"local\" }\npolicy = [{ use = \"x\" }]\nresize_step = { up = \"100%\", down = \"25%\" }",
    );
    let step = parse(&text).unwrap().bindings[0].settings.resize_step;
    assert_eq!((step.min, step.max), (Some(0.25), Some(1.0)), "min is the most down, max the most up");
}

#[test]
fn twelve_faults_get_twelve_complaints_with_their_lines() {
    let text = include_str!("../../../tests/configs/twelve_faults.toml");
    let complaints = parse(text).unwrap_err();
    assert_eq!(complaints.complaints.len(), 12);
    insta::assert_snapshot!(complaints.to_string());
}

#[test]
fn broken_toml_is_reported_at_each_place_where_it_breaks() {
    let complaints = parse("data_dir = \nevery = \"15s\n[binding.web\n").unwrap_err();
    insta::assert_snapshot!(complaints.to_string());
}

#[test]
fn a_secret_is_fetched_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "hush\n").unwrap();
    let secret = SecretAt::File(path).fetch().unwrap();
    assert_eq!(secret.reveal(), "hush");
    assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
    let at = |text: &str| toml::from_str::<std::collections::BTreeMap<String, SecretAt>>(text);
    assert_eq!(at("token = { env = \"T\" }").unwrap()["token"], SecretAt::Env("T".to_owned()));
    for bad in ["token = \"hush\"", "token = { }", "token = { env = \"T\", file = \"f\" }"] {
        let said = at(bad).unwrap_err().message().to_owned();
        assert!(said.contains("kept elsewhere") && !said.contains("hush"), "{said}");
    }
    assert!(SecretAt::File(dir.path().join("none")).fetch().is_err());
    assert!(SecretAt::Env("TRIMTAB_NO_SUCH_VARIABLE".to_owned()).fetch().is_err());
}

#[test]
fn an_address_that_others_reach_is_served_in_the_clear_only_if_the_file_says_so() {
    let listen = |lines: &str| parse(&format!("{SOUND}\n[api]\n{lines}\n"));
    for loopback in ["127.0.0.1:9470", "127.9.9.9:1", "[::1]:80"] {
        assert!(listen(&format!("listen = \"{loopback}\"")).is_ok(), "{loopback}");
    }
    for open in ["0.0.0.0:9470", "[::]:9470", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"] {
        let complaints = listen(&format!("listen = \"{open}\"")).unwrap_err().to_string();
        assert!(complaints.contains("api.listen") && complaints.contains("allow_insecure"), "{complaints}");
        assert!(listen(&format!("listen = \"{open}\"\nallow_insecure = true")).is_ok(), "{open}");
    }
    let tls = "listen = \"0.0.0.0:9470\"\n[api.tls]\ncert = \"api.pem\"\nkey = \"/etc/api.key\"";
    let read = listen(tls).unwrap().api.tls.unwrap();
    assert_eq!((read.cert, read.key), ("/etc/trimtab/api.pem".into(), "/etc/api.key".into()), "that needs no leave");
    assert!(listen("listen = \"localhost\"").unwrap_err().to_string().contains("127.0.0.1:9470"));
}

#[test]
fn a_pool_of_a_proxy_is_one_registrars() {
    let two = |kind: &str, one: &str, other: &str| {
        let table = |name: &str, lines: &str| format!("[registrar.{name}.{kind}]\nserves = [\"local/web\"]\n{lines}\n");
        parse(&format!("{SOUND}\n{}{}", table("one", one), table("two", other)))
    };
    for (kind, one, other, shared) in [
        (
            "nginx",
            "file = \"a/web.conf\"\nupstream = \"a\"",
            "file = \"a/b/../web.conf\"\nupstream = \"b\"",
            "the file",
        ),
        ("nginx", "file = \"a.conf\"\nupstream = \"a\"", "file = \"b.conf\"\nupstream = \"a\"", "upstream a"),
        ("traefik", "file = \"a.yml\"\nservice = \"a\"", "file = \"b.yml\"\nservice = \"a\"", "service a in"),
        (
            "traefik",
            "listen = \"127.0.0.1:1\"\nservice = \"a\"\napi = [\"http://x:1\"]",
            "listen = \"127.0.0.1:2\"\nservice = \"a\"\napi = [\"http://y:1\", \"http://x:1/\"]",
            "service a@http of http://x:1",
        ),
        ("envoy", "file = \"a.yaml\"\ncluster = \"a\"", "file = \"./a.yaml\"\ncluster = \"b\"", "the file"),
        (
            "envoy",
            "listen = \"127.0.0.1:1\"\ncluster = \"a\"",
            "listen = \"127.0.0.1:1\"\ncluster = \"b\"",
            "listens on",
        ),
        (
            "envoy",
            "listen = \"127.0.0.1:1\"\ncluster = \"a\"",
            "listen = \"127.0.0.1:9470\"\ncluster = \"b\"",
            "the API",
        ),
    ] {
        let complaints = two(kind, one, other).unwrap_err();
        assert_eq!(complaints.complaints.len(), 1, "{complaints}");
        let said = complaints.to_string();
        assert!(said.contains(&format!("registrar.two.{kind}")) && said.contains(shared), "{said}");
    }
    for (kind, one, other) in [
        ("nginx", "file = \"a.conf\"\nupstream = \"a\"", "file = \"b.conf\"\nupstream = \"a\"\npid_file = \"b.pid\""),
        ("traefik", "listen = \"127.0.0.1:1\"\nservice = \"a\"", "listen = \"127.0.0.1:2\"\nservice = \"a\""),
        ("envoy", "listen = \"127.0.0.1:0\"\ncluster = \"a\"", "listen = \"127.0.0.1:0\"\ncluster = \"a\""),
    ] {
        assert!(two(kind, one, other).is_ok(), "{kind}: two proxies");
    }
}

#[test]
fn a_registrar_tells_the_world_of_instances_only_if_the_file_says_so() {
    for (kind, what) in [("traefik", "service = \"web\""), ("envoy", "cluster = \"web\"")] {
        let listen = |lines: &str| {
            parse(&format!("{SOUND}\n[registrar.front.{kind}]\nserves = [\"local/web\"]\n{what}\n{lines}\n"))
        };
        assert!(listen("listen = \"127.0.0.1:0\"").is_ok());
        for open in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"] {
            let complaints = listen(&format!("listen = \"{open}\"")).unwrap_err().to_string();
            assert!(complaints.contains("can be reached by others") && complaints.contains("`token`"), "{complaints}");
            assert!(listen(&format!("listen = \"{open}\"\nallow_insecure = true")).is_ok(), "{open}");
            assert!(listen(&format!("listen = \"{open}\"\ntoken = {{ file = \"token\" }}")).is_ok(), "{open}");
        }
        let complaints = listen("file = \"web.yml\"\ntoken = { file = \"token\" }").unwrap_err().to_string();
        assert!(complaints.contains("nobody asks for a file"), "{complaints}");
    }
}

#[test]
fn two_acting_bindings_on_the_same_targets_are_warned_about() {
    let binding = |name: &str, select: &str, mode: &str| {
        format!("[binding.{name}]\nselect = {select}\nmode = \"{mode}\"\npolicy = [{{ use = \"target-tracking\" }}]\n")
    };
    let by_id = "{ id = \"local/web\" }";
    let all = "{ driver = \"local\" }";
    let warnings = |text: String| parse(&format!("{SOUND}{text}")).unwrap().warnings;
    assert_eq!(warnings(binding("a", by_id, "act") + &binding("b", by_id, "raise-only")).len(), 1);
    assert_eq!(warnings(binding("a", by_id, "act") + &binding("b", all, "act")).len(), 1);
    assert_eq!(warnings(binding("a", by_id, "act") + &binding("b", by_id, "dry-run")).len(), 0);
}

#[test]
fn two_registrars_that_would_take_out_each_others_servers_are_warned_about() {
    let warnings = |text: &str| {
        let mut all = parse(&format!("{SOUND}{text}")).unwrap().warnings;
        all.retain(|warning| warning.path.starts_with("registrar"));
        all
    };
    let of = |name: &str, more: &str| {
        format!(
            "[registrar.{name}.haproxy]\nsocket = \"/run/h\"\nserves = {{ \"local/web\" = {{ backend = \"web\" }} }}\n{more}\n"
        )
    };
    let both = warnings(&(of("a", "") + &of("b", "")));
    assert!(both.len() == 1 && both[0].what.contains("registrar \"a\""), "{both:?}");
    assert_eq!(warnings(&(of("a", "") + &of("b", "prefix = \"trim\""))).len(), 1, "one begins as the other");
    assert_eq!(warnings(&(of("a", "") + &of("b", "prefix = \"b.\""))).len(), 0);
    assert_eq!(warnings(&(of("a", "") + &of("b", "").replace("/run/h", "/run/i"))).len(), 0);
    let slots =
        |name: &str, slots: &str| of(name, "").replace("backend = ", &format!("slots = \"{slots}\", backend = "));
    assert_eq!(warnings(&(slots("a", "s") + &slots("b", "s"))).len(), 1);
    assert_eq!(warnings(&(slots("a", "s") + &slots("b", "s1x"))).len(), 0);
    assert_eq!(warnings(&(slots("a", "trimtab.x") + &of("b", ""))).len(), 1);
}

#[test]
fn a_registrars_faults_come_all_at_once_though_its_struct_stops_at_the_first() {
    let complaints = parse(
        r#"
[driver.local.process]
[registrar.front.embedded]
listen = "127.0.0.1"
servs = ["local/web"]
connect_timeout_ms = "soon"
[registrar.back.embedded]
listen = "127.0.0.1:8080"
serves = ["lokal/web", "web"]
[registrar.side.embedded]
listen = "127.0.0.1:8080"
serves = ["lokal/web"]
"#,
    )
    .unwrap_err();
    insta::assert_snapshot!(complaints.to_string());
}

#[test]
fn a_drivers_faults_are_reported_where_they_stand() {
    let complaints = parse(
        r#"
[driver.local.process.workload.web]
command = ["/usr/bin/web"]
ports = "20099-20000"
grace = "soon"
replicas = -1
healht = "process"
[driver.other.process.workload.api]
command = []
cwd = "relative"
health.http.path = "no-slash"
limits = { cpu = "1m" }
"#,
    )
    .unwrap_err();
    insta::assert_snapshot!(complaints.to_string());
}

#[test]
fn clients_are_asked_for_certificates_that_somebody_vouches_for() {
    let said = |lines: &str| {
        let text = format!("{SOUND}\n[api.tls]\ncert = \"a\"\nkey = \"b\"\n{lines}\n");
        parse(&text).map(|_| String::new()).unwrap_or_else(|complaints| complaints.to_string())
    };
    assert_eq!(said("client_ca = \"c\"\nclient_certs = \"required\""), "");
    assert_eq!(said("client_certs = \"off\""), "");
    assert!(said("client_certs = \"optional\"").contains("api.tls.client_certs: nobody vouches for clients"));
    let warned = parse(&format!("{SOUND}\n[api.tls]\ncert = \"a\"\nkey = \"b\"\nclient_ca = \"c\"")).unwrap().warnings;
    assert!(warned.iter().any(|warning| warning.remedy.starts_with("set client_certs")), "{warned:?}");
    assert!(parse(&format!("{SOUND}\n[api.tls]\ncert = \"a\"")).unwrap_err().to_string().contains("key is missing"));
}

#[test]
fn a_notice_about_what_there_is_not_is_refused() {
    let about = |list: &str| {
        parse(&format!("{SOUND}\n[notice.ops]\nurl = {{ env = \"X\" }}\nabout = {list}\n")).unwrap_err().to_string()
    };
    assert!(
        about("[\"locale/web\"]")
            .contains("notice.ops.about[1]: there is no driver \"locale\"; did you mean \"local\"")
    );
    assert!(about("[\"local/\"]").contains("notice.ops.about[1]"));
    assert!(about("[]").contains("leave it out, or name a target or a driver"));
}

#[test]
fn caps_and_groups_say_what_is_wrong_with_them() {
    let wrong = [
        ("[caps.all]\nselect = { driver = \"local\" }", "caps nothing"),
        ("[caps.all]\nselect = { driver = \"nowhere\" }\nreplicas = { max = 3 }", "there is no driver"),
        ("[caps.all]\nreplicas = { max = 3 }", "select is missing"),
        ("[caps.all]\nselect = { driver = \"local\" }\nreplicas = { min = 4, max = 3 }", "min 4 is above max 3"),
        ("[group.shop]", "replicas_max is missing"),
        ("[group.\"a b\"]\nreplicas_max = 3", "is not a name"),
        (
            "[binding.web]\nselect = { driver = \"local\" }\npolicy = [{ use = \"x\" }]\ngroup = \"shop\"",
            "there is no group \"shop\"",
        ),
    ];
    for (text, says) in wrong {
        let complaints = parse(&format!("{SOUND}\n{text}\n")).unwrap_err().to_string();
        assert!(complaints.contains(says), "{text}: {complaints}");
    }
}
