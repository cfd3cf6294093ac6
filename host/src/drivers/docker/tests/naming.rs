//! Which workload a container is of, and how new ones are called.

use super::super::clone::name_by;
use super::super::scan::workload_of;
use super::*;

#[test]
fn the_first_label_that_a_container_has_names_its_workload() {
    let config = DockerConfig::default();
    let of = |pairs: &[(&str, &str)]| workload_of(&config, &labels(pairs));
    assert_eq!(of(&[("container_service_name", "api")]).as_deref(), Some("api"));
    assert_eq!(of(&[("trimtab.workload", "a"), ("container_service_name", "b")]).as_deref(), Some("a"));
    let compose = [("com.docker.compose.project", "shop"), ("com.docker.compose.service", "web")];
    assert_eq!(of(&compose).as_deref(), Some("shop.web"), "two projects may each have a web");
    assert_eq!(of(&[("maintainer", "me")]), None);
    assert_eq!(of(&[("trimtab.workload", "")]), None);
}

#[test]
fn a_workload_of_the_file_is_told_by_its_labels() {
    let workload = DockerWorkload { containers: labels(&[("tier", "front")]), ..DockerWorkload::default() };
    let config = DockerConfig { workload: BTreeMap::from([("front".to_owned(), workload)]), ..DockerConfig::default() };
    let found = workload_of(&config, &labels(&[("tier", "front"), ("trimtab.workload", "other")]));
    assert_eq!(found.as_deref(), Some("front"));
}

#[test]
fn names_follow_the_operators_pattern() {
    assert_eq!(name_by("{instance}", "web", "web-k-1", 3).as_deref(), Some("web-k-1"));
    assert_eq!(name_by("{workload}-{number}", "shop.web", "i", 3).as_deref(), Some("shop.web-3"));
    assert_eq!(name_by("{workload}_{number}", "a/b", "i", 3).as_deref(), Some("a-b_3"), "no slash in a name");
    assert_eq!(name_by("", "web", "i", 3), None, "the engine's own");
}
