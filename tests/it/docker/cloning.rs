//! A clone is its template in everything but what belongs to that one container alone: told by what the engine itself says of both.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountType, NetworkConnectRequest, NetworkCreateRequest, NetworkingConfig, PortBinding, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use serde_json::{Value, json};

use super::stage::Stage;

const LABELS: [(&str, &str); 5] = [
    ("com.docker.compose.project", "shop"),
    ("com.docker.compose.service", "web"),
    ("com.docker.compose.container-number", "1"),
    ("com.docker.compose.config-hash", "0123abcd"),
    ("tier", "front"),
];

/// A container with something in every place that a clone must carry over.
fn everything(body: &mut ContainerCreateBody) {
    let text = |text: &str| text.to_owned();
    body.cmd = Some(vec![text("8080")]);
    body.env = Some(vec![text("MODE=fast"), text("GREETING=good morning")]);
    body.domainname = Some(text("example.org"));
    body.user = Some(text("0:0"));
    body.working_dir = Some(text("/srv"));
    body.stop_signal = Some(text("SIGINT"));
    body.stop_timeout = Some(3);
    body.tty = Some(true);
    body.open_stdin = Some(true);
    body.volumes = Some(vec![text("/scratch")]);
    body.healthcheck = Some(HealthConfig {
        test: Some(vec![text("CMD"), text("/worker"), text("check")]),
        interval: Some(200_000_000),
        timeout: Some(2_000_000_000),
        retries: Some(4),
        start_period: Some(1_000_000_000),
        ..HealthConfig::default()
    });
    let published =
        |port: &str| Some(vec![PortBinding { host_ip: Some(text("127.0.0.1")), host_port: Some(text(port)) }]);
    body.host_config = Some(HostConfig {
        binds: Some(vec![text("/tmp:/host:ro"), text("data:/data")]),
        mounts: Some(vec![Mount { target: Some(text("/ram")), typ: Some(MountType::TMPFS), ..Mount::default() }]),
        tmpfs: Some(HashMap::from([(text("/run"), text("size=1m"))])),
        port_bindings: Some(HashMap::from([(text("8080/tcp"), published("18080"))])),
        network_mode: Some(text("front")),
        memory: Some(64 << 20),
        memory_reservation: Some(32 << 20),
        nano_cpus: Some(500_000_000),
        cpu_shares: Some(512),
        cpuset_cpus: Some(text("0")),
        pids_limit: Some(50),
        oom_score_adj: Some(100),
        blkio_weight: None,
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::ON_FAILURE),
            maximum_retry_count: Some(3),
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some(text("json-file")),
            config: Some(HashMap::from([(text("max-size"), text("1m")), (text("max-file"), text("2"))])),
        }),
        devices: Some(vec![DeviceMapping {
            path_on_host: Some(text("/dev/null")),
            path_in_container: Some(text("/dev/nothing")),
            cgroup_permissions: Some(text("r")),
        }]),
        device_cgroup_rules: Some(vec![text("c 1:3 r")]),
        cap_add: Some(vec![text("NET_ADMIN")]),
        cap_drop: Some(vec![text("MKNOD")]),
        ulimits: Some(vec![ResourcesUlimits { name: Some(text("nofile")), soft: Some(256), hard: Some(512) }]),
        sysctls: Some(HashMap::from([(text("net.ipv4.ip_unprivileged_port_start"), text("1024"))])),
        dns: Some(vec![text("10.9.8.7")]),
        dns_search: Some(vec![text("example.org")]),
        extra_hosts: Some(vec![text("db:10.9.8.6")]),
        group_add: Some(vec![text("12")]),
        security_opt: Some(vec![text("no-new-privileges")]),
        shm_size: Some(8 << 20),
        readonly_rootfs: Some(true),
        ipc_mode: Some(text("private")),
        annotations: None,
        ..HostConfig::default()
    });
    let endpoint = EndpointSettings { aliases: Some(vec![text("web"), text("shop")]), ..EndpointSettings::default() };
    let endpoints_config = Some(HashMap::from([(text("front"), endpoint)]));
    body.networking_config = Some(NetworkingConfig { endpoints_config });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_is_its_template_in_all_but_what_is_its_own() {
    let Some(stage) = Stage::start("docker clone").await else { return };
    let client = stage.engine.client();
    for name in ["front", "metrics"] {
        let network = NetworkCreateRequest { name: name.to_owned(), ..NetworkCreateRequest::default() };
        client.create_network(network).await.unwrap();
    }
    let id = stage.run_as("shop-web-1", &LABELS, everything).await;
    let endpoint = EndpointSettings { aliases: Some(vec!["exporter".to_owned()]), ..EndpointSettings::default() };
    let request = NetworkConnectRequest { container: id.clone(), endpoint_config: Some(endpoint) };
    client.connect_network("metrics", request).await.unwrap();

    let up = stage.count("shop.web", 2, "k1").await;
    stage.make(&up, "shop.web-k1-1").await;
    let clone = stage.instance("shop.web", "shop.web-k1-1").await;
    let id_of_clone = clone.handle.as_deref().unwrap().rsplit('/').next().unwrap();

    let (mut template, mut clone) = (raw(&stage, &id).await, raw(&stage, id_of_clone).await);
    let labels = take(&mut clone["Config"]["Labels"]);
    let mut wanted = take(&mut template["Config"]["Labels"]);
    wanted["com.docker.compose.container-number"] = json!("2");
    wanted["trimtab.instance"] = json!("shop.web-k1-1");
    wanted["trimtab.target"] = json!("box/shop.web");
    wanted["trimtab.made-by"] = json!("k1");
    assert_eq!(labels, wanted);

    let port = take(&mut clone["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostPort"]);
    assert_eq!(take(&mut template["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostPort"]), json!("18080"));
    assert_eq!(port, json!(""), "the template holds its port: a free one");
    let (own, theirs) = (take(&mut clone["Config"]["Hostname"]), take(&mut template["Config"]["Hostname"]));
    assert_eq!((own, theirs), (json!(id_of_clone[..12]), json!(id[..12])), "each is called by its own id");
    assert_eq!(clone["Config"], template["Config"]);
    assert_eq!(clone["HostConfig"], template["HostConfig"]);
    for key in ["Path", "Args", "Image", "Driver", "Platform"] {
        assert_eq!(clone[key], template[key], "{key}");
    }
    assert_eq!(mounts(&clone), mounts(&template), "volumes with a name are shared, those without are its own");
    assert_eq!(networks(&clone, id_of_clone), networks(&template, &id));
    assert_eq!(networks(&clone, id_of_clone)["front"], json!(["shop", "web"]));
    assert_eq!(clone["State"]["Health"]["Status"], json!("healthy"));
}

/// What the engine says, with whatever it knows that a client's types do not.
async fn raw(stage: &Stage, id: &str) -> Value {
    trimtab::tls::ready();
    let client = reqwest::Client::builder().unix_socket(stage.engine.socket()).build().unwrap();
    let answer = client.get(format!("http://engine/v1.41/containers/{id}/json")).send().await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

fn take(value: &mut Value) -> Value {
    std::mem::take(value)
}

fn mounts(container: &Value) -> Vec<Value> {
    let mut mounts = container["Mounts"].as_array().unwrap().clone();
    for mount in &mut mounts {
        if mount["Destination"] == json!("/scratch") {
            assert_eq!(mount["Name"].as_str().unwrap().len(), 64, "it has no name of anybody's");
            (mount["Name"], mount["Source"]) = (Value::Null, Value::Null);
        }
    }
    mounts.sort_by_key(|mount| mount["Destination"].as_str().unwrap().to_owned());
    mounts
}

/// The networks, and the names by which it is called there, but for its own.
fn networks(container: &Value, id: &str) -> Value {
    let networks = container["NetworkSettings"]["Networks"].as_object().unwrap();
    let aliases = |endpoint: &Value| {
        let all = endpoint["Aliases"].as_array().cloned().unwrap_or_default();
        let mut all: Vec<Value> = all.into_iter().filter(|alias| !id.starts_with(alias.as_str().unwrap())).collect();
        all.sort_by_key(|alias| alias.as_str().unwrap().to_owned());
        all
    };
    networks.iter().map(|(name, endpoint)| (name.clone(), json!(aliases(endpoint)))).collect()
}
