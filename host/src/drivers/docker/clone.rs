//! What a new container is made of: all of the template's, but what belongs to that one container alone.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerConfig, ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HostConfig, Mount, MountType,
    NetworkingConfig, PortBinding,
};

use super::kept::{Sizes, Template};
use crate::snapshot::Resources;

/// Labels that we put on what we make.
pub(super) const INSTANCE: &str = "trimtab.instance";
/// The target, so that a container that was copied by hand to another workload is not taken for ours.
pub(super) const TARGET: &str = "trimtab.target";
/// The key of the change that made it.
pub(super) const MADE_BY: &str = "trimtab.made-by";
/// Compose counts the containers of a service by it.
pub(super) const COMPOSE_NUMBER: &str = "com.docker.compose.container-number";

/// Networks on which the engine gives no names.
const NAMELESS: [&str; 4] = ["default", "bridge", "host", "none"];
/// CPU shares of one whole core.
const SHARES_PER_CORE: u64 = 1_024;

/// Who the new container is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer<'a> {
    pub instance: &'a str,
    pub target: &'a str,
    pub key: &'a str,
    /// The next free number in its workload.
    pub number: u32,
    /// The image, as the engine that is to run it knows it.
    pub image: &'a str,
    pub sizes: Option<Sizes>,
}

/// What to ask of the engine: make this, connect it to these further networks, start it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub body: ContainerCreateBody,
    pub further_networks: Vec<(String, EndpointSettings)>,
}

impl Template {
    /// Remembers a container; `None` where the engine did not tell enough of it.
    pub(super) fn of(host: &str, seen: &ContainerInspectResponse, digests: Vec<String>) -> Option<Self> {
        let id = seen.id.clone()?;
        let mut config = seen.config.clone()?;
        let mut host_config = seen.host_config.clone()?;
        let name = seen.name.as_deref().unwrap_or_default().trim_start_matches('/').to_owned();
        if let Some(hostname) = config.hostname.take_if(|hostname| id.starts_with(hostname.as_str())) {
            // Podman also tells it as if it had been set.
            let told = format!("HOSTNAME={hostname}");
            config.env.iter_mut().for_each(|env| env.retain(|one| *one != told));
        }
        host_config.container_id_file = None;
        let own = anonymous(&mut host_config);
        if !own.is_empty() {
            config.volumes.get_or_insert_default().extend(own);
        }
        if host_config.nano_cpus.is_some_and(|nano| nano > 0) {
            // Podman tells the same limit in both ways, and refuses both at once.
            host_config.cpu_quota = None;
            host_config.cpu_period = None;
        }
        for limit in host_config.ulimits.iter_mut().flatten() {
            // Podman tells `RLIMIT_NOFILE` where it takes `nofile` only.
            let plain = limit.name.as_deref().and_then(|name| name.strip_prefix("RLIMIT_")).map(str::to_lowercase);
            limit.name = plain.or_else(|| limit.name.take());
        }
        let networks = seen.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        let networks = networks.into_iter().flatten();
        let networks = networks.map(|(network, endpoint)| (network.clone(), own_of(endpoint, &id, &name))).collect();
        let image = seen.image.clone()?;
        Some(Self { host: host.to_owned(), container: id, name, image, digests, config, host_config, networks })
    }

    /// The named volumes that it has: where an engine lacks one, it makes an empty one of that name without a word.
    pub(super) fn volumes(&self) -> Vec<&str> {
        let elsewhere = self.host_config.volume_driver.as_deref().is_some_and(|driver| !matches!(driver, "" | "local"));
        let binds = self.host_config.binds.iter().flatten().filter(|_| !elsewhere);
        let binds = binds.filter_map(|bind| bind.split(':').next());
        // A path is a folder of the machine.
        let binds = binds.filter(|source| !source.is_empty() && !source.starts_with(['/', '.', '~']));
        let mounts = self.host_config.mounts.iter().flatten();
        let mounts = mounts.filter(|mount| mount.typ == Some(MountType::VOLUME) && !has_driver(mount));
        let mut found: Vec<&str> = binds.chain(mounts.filter_map(|mount| mount.source.as_deref())).collect();
        found.retain(|name| !name.is_empty());
        found
    }

    /// What to make a newcomer of.
    pub(super) fn request(&self, newcomer: &Newcomer<'_>) -> Request {
        let mut host_config = self.host_config.clone();
        host_config.port_bindings = host_config.port_bindings.map(|ports| {
            let free = |binding: PortBinding| PortBinding { host_port: Some(String::new()), ..binding };
            // The template holds its port; another on the same engine must take a free one.
            ports.into_iter().map(|(port, all)| (port, all.map(|all| all.into_iter().map(free).collect()))).collect()
        });
        if let Some(sizes) = newcomer.sizes {
            resize(&mut host_config, sizes);
        }
        let mut networks = self.networks.clone();
        let mut mode = host_config.network_mode.clone().unwrap_or_default();
        if let Some(first) = real_network(&mode, &networks) {
            host_config.network_mode = Some(first.clone());
            mode = first;
        }
        // Engines before API 1.44 take one network only when they make a container.
        let first = networks.remove(&mode);
        let first = first.filter(|_| !NAMELESS.contains(&mode.as_str()));
        let shares = mode.starts_with("container:") || mode == "host" || mode == "none";
        let further = networks.into_iter().filter(|(name, _)| !shares && !NAMELESS.contains(&name.as_str()));
        let mut body = body_of(self.config.clone());
        body.image = Some(newcomer.image.to_owned());
        if shares {
            // The engine refuses a host's name where the network is another's.
            body.hostname = None;
            body.domainname = None;
        }
        label(body.labels.get_or_insert_default(), newcomer);
        body.host_config = Some(host_config);
        body.networking_config =
            first.map(|endpoint| NetworkingConfig { endpoints_config: Some(HashMap::from([(mode, endpoint)])) });
        Request { body, further_networks: further.collect() }
    }
}

/// Podman tells `bridge` of every container on a network of its own, and takes it for its default network: there the first of
/// those that it is on says more.
fn real_network(mode: &str, networks: &BTreeMap<String, EndpointSettings>) -> Option<String> {
    let says_nothing = matches!(mode, "bridge" | "default") && !networks.is_empty() && !networks.contains_key("bridge");
    networks.keys().next().filter(|_| says_nothing).cloned()
}

/// Takes out volumes without a name of their own, and tells where they were: Podman tells them like named ones, and compose hands
/// them on to a container that it makes anew. A clone has its own.
fn anonymous(host_config: &mut HostConfig) -> Vec<String> {
    let nameless = |name: &str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut found = Vec::new();
    for bind in host_config.binds.iter_mut() {
        bind.retain(|bind| {
            let mut parts = bind.split(':');
            let own = parts.next().is_some_and(nameless);
            found.extend(parts.next().filter(|_| own).map(str::to_owned));
            !own
        });
    }
    for mount in host_config.mounts.iter_mut() {
        mount.retain(|mount| {
            let own = mount.typ == Some(MountType::VOLUME) && mount.source.as_deref().is_some_and(nameless);
            found.extend(mount.target.clone().filter(|_| own));
            !own
        });
    }
    found
}

/// Whether it says itself how its volume is made, such as from a server that every engine reaches.
fn has_driver(mount: &Mount) -> bool {
    let driver = mount.volume_options.as_ref().and_then(|options| options.driver_config.as_ref());
    driver.is_some_and(|driver| {
        driver.options.as_ref().is_some_and(|options| !options.is_empty())
            || driver.name.as_deref().is_some_and(|name| !matches!(name, "" | "local"))
    })
}

fn label(labels: &mut HashMap<String, String>, newcomer: &Newcomer<'_>) {
    if labels.contains_key(COMPOSE_NUMBER) {
        labels.insert(COMPOSE_NUMBER.to_owned(), newcomer.number.to_string());
    }
    for (label, value) in [(INSTANCE, newcomer.instance), (TARGET, newcomer.target), (MADE_BY, newcomer.key)] {
        labels.insert(label.to_owned(), value.to_owned());
    }
}

/// What of an endpoint is the workload's and not this container's: no address, and no name by which only this one is called.
fn own_of(endpoint: &EndpointSettings, id: &str, name: &str) -> EndpointSettings {
    let shared = |alias: &String| alias != name && !(alias.len() >= 12 && id.starts_with(alias.as_str()));
    let aliases = endpoint.aliases.clone().map(|all| all.into_iter().filter(shared).collect::<Vec<String>>());
    EndpointSettings {
        aliases: aliases.filter(|all| !all.is_empty()),
        links: endpoint.links.clone(),
        driver_opts: endpoint.driver_opts.clone(),
        gw_priority: endpoint.gw_priority,
        ..EndpointSettings::default()
    }
}

fn body_of(config: ContainerConfig) -> ContainerCreateBody {
    let ContainerConfig {
        hostname,
        domainname,
        user,
        attach_stdin,
        attach_stdout,
        attach_stderr,
        exposed_ports,
        tty,
        open_stdin,
        stdin_once,
        env,
        cmd,
        healthcheck,
        args_escaped,
        image,
        volumes,
        working_dir,
        entrypoint,
        network_disabled,
        on_build,
        labels,
        stop_signal,
        stop_timeout,
        shell,
    } = config;
    ContainerCreateBody {
        hostname,
        domainname,
        user,
        attach_stdin,
        attach_stdout,
        attach_stderr,
        exposed_ports,
        tty,
        open_stdin,
        stdin_once,
        env,
        cmd,
        healthcheck,
        args_escaped,
        image,
        volumes,
        working_dir,
        entrypoint,
        network_disabled,
        on_build,
        labels,
        stop_signal,
        stop_timeout,
        shell,
        host_config: None,
        networking_config: None,
    }
}

// --------------------------------------------------------------------------------------------------------------- sizes

/// What a container has set aside, and what it may use at most. 0 is the engine's word for "not limited".
pub(super) fn sizes_of(host: &HostConfig) -> Sizes {
    let some = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0);
    let quota = || {
        let (quota, period) = (some(host.cpu_quota)?, some(host.cpu_period).unwrap_or(100_000));
        Some(quota.saturating_mul(1_000) / period)
    };
    Sizes {
        requests: Resources {
            cpu_millis: some(host.cpu_shares).map(|shares| shares.saturating_mul(1_000) / SHARES_PER_CORE),
            memory_bytes: some(host.memory_reservation),
        },
        limits: Resources {
            cpu_millis: some(host.nano_cpus).map(|nano| nano / 1_000_000).or_else(quota),
            memory_bytes: some(host.memory),
        },
    }
}

/// Sets these sizes where they are known, and leaves the rest as it is.
pub(super) fn resize(host: &mut HostConfig, sizes: Sizes) {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    if let Some(cpu) = sizes.limits.cpu_millis {
        host.nano_cpus = Some(signed(cpu.saturating_mul(1_000_000)));
        // The engine refuses both ways of saying it at once.
        host.cpu_quota = None;
        host.cpu_period = None;
    }
    if let Some(memory) = sizes.limits.memory_bytes {
        let memory = signed(memory);
        host.memory_swap = Some(swap_with(host, memory));
        host.memory = Some(memory);
        if host.memory_reservation.is_some_and(|reserved| reserved > memory) {
            host.memory_reservation = Some(memory);
        }
    }
    if let Some(cpu) = sizes.requests.cpu_millis {
        // Fewer than 2 are none.
        host.cpu_shares = Some(signed((cpu.saturating_mul(SHARES_PER_CORE) / 1_000).max(2)));
    }
    if let Some(memory) = sizes.requests.memory_bytes {
        host.memory_reservation = Some(signed(memory).min(host.memory.filter(|limit| *limit > 0).unwrap_or(i64::MAX)));
    }
}

/// Memory and swap together. Unlimited stays so, and the swap that there was stays as much; where the engine chose, it
/// chooses as much swap as memory.
fn swap_with(host: &HostConfig, memory: i64) -> i64 {
    let old = host.memory.unwrap_or(0);
    match host.memory_swap {
        Some(-1) => -1,
        Some(both) if both >= old && old > 0 && both != old.saturating_mul(2) => memory.saturating_add(both - old),
        _ => memory.saturating_mul(2),
    }
}

/// The name of a newcomer by the operator's pattern; `None`: the engine's own.
pub(super) fn name_by(pattern: &str, workload: &str, newcomer: &str, number: u32) -> Option<String> {
    if pattern.is_empty() {
        return None;
    }
    let values = BTreeMap::from([
        ("{workload}", workload.to_owned()),
        ("{instance}", newcomer.to_owned()),
        ("{number}", number.to_string()),
    ]);
    let name = values.iter().fold(pattern.to_owned(), |name, (word, value)| name.replace(word, value));
    // What the engine lets a name hold.
    let plain = |one: char| if one.is_ascii_alphanumeric() || "_.-".contains(one) { one } else { '-' };
    Some(name.chars().map(plain).collect())
}
