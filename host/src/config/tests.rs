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
