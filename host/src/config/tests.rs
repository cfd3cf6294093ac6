use std::path::Path;

use super::*;

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

/// Rows of the table under a heading of docs/config.md: key, example, default.
fn documented(heading: &str) -> Vec<(String, String, Option<String>)> {
    let docs = include_str!("../../../docs/config.md");
    let (_, section) = docs.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let bare = |cell: &str| cell.trim().trim_matches('`').to_owned();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            let default = Some(bare(cells[2])).filter(|default| default != "–");
            (bare(cells[0].trim_start_matches('|')), bare(cells[1]), default)
        })
        .collect()
}

/// A file in which one documented table holds `line` besides what it must hold.
fn file_with(heading: &str, key: &str, line: &str) -> String {
    let select = "select = { driver = \"local\" }";
    let policy = "policy = [{ use = \"target-tracking\" }]";
    match heading {
        "Top level" => format!("{line}\n{SOUND}"),
        "`[records]`" => format!("{SOUND}\n[records]\n{line}\n"),
        // Most addresses are refused without this.
        "`[api]`" if key == "listen" => format!("{SOUND}\n[api]\nallow_insecure = true\n{line}\n"),
        "`[api]`" => format!("{SOUND}\n[api]\n{line}\n"),
        "`[binding.NAME]`" => {
            let rest = [("select", select), ("policy", policy)].map(|(name, text)| if name == key { "" } else { text });
            with_binding(&format!("{}\n{line}", rest.join("\n")))
        }
        "`[[binding.NAME.reading]]`" => {
            let rest = [("name", "name = \"load\""), ("source", "source = \"prom\"")]
                .map(|(name, text)| if name == key { "" } else { text });
            with_binding(&format!("{select}\n{policy}\n[[binding.web.reading]]\n{}\n{line}", rest.join("\n")))
        }
        "`[[binding.NAME.policy]]`" => {
            let rest = if key == "use" { "" } else { "use = \"target-tracking\"" };
            with_binding(&format!("{select}\n[[binding.web.policy]]\n{rest}\n{line}"))
        }
        _ => panic!("no such table: {heading}"),
    }
}

const TABLES: [&str; 6] =
    ["Top level", "`[records]`", "`[api]`", "`[binding.NAME]`", "`[[binding.NAME.reading]]`", "`[[binding.NAME.policy]]`"];

#[test]
fn every_example_in_the_documentation_parses() {
    for heading in TABLES {
        for (key, example, _) in documented(heading) {
            let text = file_with(heading, &key, &format!("{key} = {example}"));
            parse(&text).unwrap_or_else(|complaints| panic!("{key} of {heading}: {complaints}\n{text}"));
        }
    }
    let docs = include_str!("../../../docs/config.md");
    let blocks: Vec<&str> = docs.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        parse(block).unwrap_or_else(|complaints| panic!("{complaints}\n{block}"));
    }
}

#[test]
fn every_default_in_the_documentation_is_the_one_that_holds() {
    let without_places = |config: Config| {
        let mut config = config;
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
        config
    };
    for heading in TABLES {
        for (key, _, default) in documented(heading) {
            let Some(default) = default else { continue };
            let stated = parse(&file_with(heading, &key, &format!("{key} = {default}")));
            let stated = stated.unwrap_or_else(|complaints| panic!("{key} = {default}: {complaints}"));
            let left_out = parse(&file_with(heading, &key, "")).unwrap();
            assert_eq!(without_places(stated), without_places(left_out), "{key} of {heading}");
        }
    }
}

#[test]
fn every_key_that_the_host_knows_is_documented() {
    for heading in TABLES {
        let text = file_with(heading, "zzzzzzzzzzzzzzzzzzzz", "zzzzzzzzzzzzzzzzzzzz = 1");
        let complaints = parse(&text).unwrap_err().complaints;
        let [complaint] = complaints.as_slice() else { panic!("{complaints:?}") };
        let known = complaint.remedy.strip_prefix("known here: ").unwrap();
        let mut known: Vec<&str> = known.split(", ").collect();
        if heading == "Top level" {
            known.retain(|key| !["api", "binding", "driver", "source", "registrar", "records", "sandbox"].contains(key));
        }
        let mut documented: Vec<String> = documented(heading).into_iter().map(|(key, _, _)| key).collect();
        documented.sort();
        assert_eq!(known, documented, "{heading}");
    }
}

#[test]
fn twelve_faults_get_twelve_complaints_with_their_lines() {
    let text = r#"
data_dri = "/var/lib/trimtab"

[driver.local.proces]

[source.prom.prometheus]
url = "http://127.0.0.1:9090"

[binding.web]
select = { driver = "locl", labels = { app = "web" } }
every = 15
replicas = { min = 5, max = 3 }
cpu = { min = "100q", max = "2" }
tolerance = "150%"
mode = "dry_run"
cooldown = { up = "15s", dwon = "2m" }

[[binding.web.reading]]
name = "requests_per_second"
source = "prm"
query = 'sum by (target) (rate(http_requests_total[1m]))'

[[binding.web.policy]]
params = { target = 50.0 }
grants = ["scale", "explode"]
"#;
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
fn quantities_are_read_as_people_write_them_and_shown_as_they_are_read() {
    for (text, ms) in [("500ms", 500), ("15s", 15_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("0s", 0)] {
        assert_eq!(text.parse(), Ok(DurationMs(ms)));
        assert_eq!(DurationMs(ms).to_string(), text);
    }
    for (text, millis) in [("100m", 100), ("2", 2000), ("1.5", 1500), ("0.25", 250)] {
        assert_eq!(text.parse(), Ok(CpuMillis(millis)));
        assert_eq!(CpuMillis(millis).to_string().parse(), Ok(CpuMillis(millis)));
    }
    for (text, bytes) in [("64Mi", 64 << 20), ("1Gi", 1 << 30), ("512M", 512_000_000), ("1.5Ki", 1536), ("10", 10)] {
        assert_eq!(text.parse(), Ok(MemoryBytes(bytes)));
        assert_eq!(MemoryBytes(bytes).to_string().parse(), Ok(MemoryBytes(bytes)));
    }
    assert_eq!("7%".parse::<Share>().map(|share| share.to_string()), Ok("7%".to_owned()));
}

#[test]
fn what_is_no_quantity_is_refused_in_words() {
    let duration = |text: &str| text.parse::<DurationMs>().unwrap_err().to_string();
    assert_eq!(duration("15"), "\"15\" has no unit; write \"500ms\", \"15s\", \"2m\", \"1h30m\" or \"7d\"");
    assert!(duration("15 parsecs").contains("is not a unit of a duration"));
    for text in ["", "s", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615d", "1s1"] {
        assert!(text.parse::<DurationMs>().is_err(), "{text}");
    }
    for text in ["", "-1", "1..2", "NaN", "inf", "1e400", "999999999999999999999"] {
        assert!(text.parse::<CpuMillis>().is_err(), "{text}");
        assert!(text.parse::<MemoryBytes>().is_err(), "{text}");
    }
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
    assert!(listen("listen = \"localhost\"").unwrap_err().to_string().contains("127.0.0.1:9470"));
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
