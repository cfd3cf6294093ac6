//! A fuzzer's way to what containers are made from; listed in `crate::fuzzing`.

use bollard::models::ContainerInspectResponse;

use super::clone::{Newcomer, sizes_of};
use super::kept::Template;

/// A container, as the engine tells it: what would be asked for to make another such, and that again of what comes of it.
pub(crate) fn containers(input: &[u8]) -> Result<(), String> {
    let seen: ContainerInspectResponse = serde_json::from_slice(input).map_err(|error| error.to_string())?;
    let template = Template::of("local", &seen, Vec::new()).ok_or("the engine did not tell enough of it")?;
    template.volumes();
    let sizes = sizes_of(&template.host_config);
    let newcomer = Newcomer {
        instance: "web-2",
        target: "docker/web",
        key: "key",
        number: u32::MAX,
        image: "image",
        sizes: Some(sizes),
    };
    let request = template.request(&newcomer);
    serde_json::to_string(&request.body).map(drop).map_err(|error| error.to_string())
}
