//! A clone has all of the template's, but what belongs to that one container alone.

use super::super::clone::{Newcomer, resize, sizes_of};
use super::super::kept::{Sizes, Template};
use super::*;
use crate::snapshot::Resources;

const NEWCOMER: Newcomer<'_> =
    Newcomer { instance: "web-k1-1", target: "box/shop.web", key: "k1", number: 2, image: "worker:1", sizes: None };

fn sizes(cpu_millis: u64, memory_bytes: u64) -> Sizes {
    let limits = Resources { cpu_millis: Some(cpu_millis), memory_bytes: Some(memory_bytes) };
    Sizes { requests: Resources::default(), limits }
}

#[test]
fn a_clone_is_made_of_all_that_the_template_is() {
    let seen = recorded();
    let template = Template::of("local", &seen, Vec::new()).unwrap();
    let body = template.request(&NEWCOMER).body;
    let config = seen.config.unwrap();
    assert_eq!(body.cmd, config.cmd);
    assert_eq!(body.entrypoint, config.entrypoint);
    assert_eq!(body.env, config.env);
    assert_eq!(body.healthcheck, config.healthcheck);
    assert_eq!(body.stop_timeout, Some(2));
    assert_eq!(body.image.as_deref(), Some("worker:1"));
    let (before, after) = (seen.host_config.unwrap(), body.host_config.unwrap());
    assert_eq!(after.memory, Some(64 << 20));
    assert_eq!(after.restart_policy, before.restart_policy);
    assert_eq!(after.log_config, before.log_config);
    assert_eq!(after.ulimits, before.ulimits);
    assert_eq!(after.binds, before.binds);
    assert_eq!(after.tmpfs, before.tmpfs);
    assert_eq!((after.cap_add, after.cap_drop), (before.cap_add, before.cap_drop));
}

#[test]
fn a_clone_takes_neither_name_nor_address_nor_port_of_the_template() {
    let seen = recorded();
    let template = Template::of("local", &seen, Vec::new()).unwrap();
    let body = template.request(&NEWCOMER).body;
    assert_eq!(body.hostname, None, "the engine's own, from the container's id");
    let ports = body.host_config.unwrap().port_bindings.unwrap();
    let published = ports["8080/tcp"].as_ref().unwrap();
    assert_eq!(published[0].host_port.as_deref(), Some(""), "a free one");
    let networks = body.networking_config.unwrap().endpoints_config.unwrap();
    let endpoint = &networks["shop_default"];
    assert_eq!(endpoint.aliases.as_deref(), Some(&["web".to_owned()][..]));
    assert_eq!((&endpoint.ip_address, &endpoint.mac_address, &endpoint.endpoint_id), (&None, &None, &None));
}

#[test]
fn a_clone_keeps_the_labels_and_is_marked_as_ours() {
    let template = Template::of("local", &recorded(), Vec::new()).unwrap();
    let labels = template.request(&NEWCOMER).body.labels.unwrap();
    assert_eq!(labels["com.docker.compose.service"], "web");
    assert_eq!(labels["com.docker.compose.container-number"], "2", "compose counts by it");
    assert_eq!(labels["trimtab.instance"], "web-k1-1");
    assert_eq!(labels["trimtab.target"], "box/shop.web");
    assert_eq!(labels["trimtab.made-by"], "k1");
}

#[test]
fn further_networks_are_connected_one_by_one() {
    let mut seen = recorded();
    let networks = seen.network_settings.as_mut().unwrap().networks.as_mut().unwrap();
    networks.insert("metrics".to_owned(), networks["shop_default"].clone());
    let request = Template::of("local", &seen, Vec::new()).unwrap().request(&NEWCOMER);
    let names: Vec<&str> = request.further_networks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["metrics"], "older engines take one network only when they make a container");
}

#[test]
fn a_clone_after_a_resize_has_the_new_size() {
    let template = Template::of("local", &recorded(), Vec::new()).unwrap();
    let newcomer = Newcomer { sizes: Some(sizes(750, 96 << 20)), ..NEWCOMER };
    let host = template.request(&newcomer).body.host_config.unwrap();
    assert_eq!((host.nano_cpus, host.memory), (Some(750_000_000), Some(96 << 20)));
}

#[test]
fn sizes_are_read_and_set_in_the_engines_units() {
    let mut host = recorded().host_config.unwrap();
    assert_eq!(sizes_of(&host), sizes(500, 64 << 20));
    resize(&mut host, sizes(1_500, 32 << 20));
    assert_eq!(sizes_of(&host), sizes(1_500, 32 << 20));
    assert_eq!(host.memory_swap, Some(64 << 20), "as much swap as memory, which is the engine's own choice");
    host.memory_swap = Some(-1);
    resize(&mut host, sizes(1_500, 128 << 20));
    assert_eq!(host.memory_swap, Some(-1), "unlimited stays so");
    (host.nano_cpus, host.cpu_quota, host.cpu_period) = (Some(0), Some(25_000), Some(50_000));
    assert_eq!(sizes_of(&host).limits.cpu_millis, Some(500), "the older way of saying it");
    resize(&mut host, sizes(250, 128 << 20));
    assert_eq!((host.cpu_quota, host.cpu_period), (None, None), "the engine refuses both at once");
}

#[test]
fn a_limit_that_is_told_in_both_ways_is_asked_for_in_one() {
    let mut seen = recorded();
    let host = seen.host_config.as_mut().unwrap();
    (host.cpu_quota, host.cpu_period) = (Some(50_000), Some(100_000));
    let host = Template::of("local", &seen, Vec::new()).unwrap().request(&NEWCOMER).body.host_config.unwrap();
    assert_eq!(
        (host.nano_cpus, host.cpu_quota, host.cpu_period),
        (Some(500_000_000), None, None),
        "as Podman tells it"
    );
}

#[test]
fn what_podman_tells_of_a_container_is_made_again_as_it_was() {
    let mut seen = recorded();
    let hostname = seen.config.as_ref().unwrap().hostname.clone().unwrap();
    seen.config.as_mut().unwrap().env.as_mut().unwrap().push(format!("HOSTNAME={hostname}"));
    let nameless = format!("{}:/scratch:rw,rprivate", "0f".repeat(32));
    let host = seen.host_config.as_mut().unwrap();
    host.binds.as_mut().unwrap().push(nameless);
    host.network_mode = Some("bridge".to_owned());
    let body = Template::of("local", &seen, Vec::new()).unwrap().request(&NEWCOMER).body;
    assert_eq!(body.env.as_deref(), Some(&["GREETING=hello".to_owned()][..]), "not the template's own name");
    assert_eq!(body.volumes.as_deref(), Some(&["/scratch".to_owned()][..]), "an empty one of its own");
    let host = body.host_config.unwrap();
    assert_eq!(host.binds.as_deref(), Some(&["data:/data".to_owned()][..]));
    assert_eq!(host.network_mode.as_deref(), Some("shop_default"));
    assert!(body.networking_config.unwrap().endpoints_config.unwrap().contains_key("shop_default"));
}

#[test]
fn named_volumes_are_those_that_an_engine_would_make_empty() {
    let mut seen = recorded();
    let host = seen.host_config.as_mut().unwrap();
    host.binds.as_mut().unwrap().push("/srv:/srv".to_owned());
    host.mounts = serde_json::from_str(
        r#"[{"Type": "volume", "Source": "cache", "Target": "/cache"},
            {"Type": "volume", "Source": "shared", "Target": "/shared",
             "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": {"type": "nfs"}}}},
            {"Type": "bind", "Source": "/etc", "Target": "/host"}]"#,
    )
    .unwrap();
    let volumes =
        |seen: &ContainerInspectResponse| Template::of("local", seen, Vec::new()).unwrap().volumes().join(" ");
    assert_eq!(volumes(&seen), "data cache");
    seen.host_config.as_mut().unwrap().volume_driver = Some("rexray".to_owned());
    assert_eq!(volumes(&seen), "cache", "made by a driver that every engine asks");
}
