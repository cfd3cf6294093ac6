//! What names mean, and the stories of the Data Plane API. The runtime socket is told of in tests/it/haproxy.rs, by the real one.

mod data_plane;

use super::*;

mod names {
    use super::super::mark::{instance_of, name_of};

    #[test]
    fn each_name_stands_for_one_instance() {
        for id in ["web-1", "a_b", "a/b c", "4f5c:é", "x"] {
            let name = name_of("trimtab.", id);
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte)), "{name}");
            assert_eq!(instance_of("trimtab.", &name).as_deref(), Some(id));
        }
    }

    #[test]
    fn names_of_others_are_nobodys() {
        for name in ["web1", "trimtab.", "trimtab._", "trimtab._zz", "trimtab.a_2F", "trimtab._61", "trimtab._ff"] {
            assert_eq!(instance_of("trimtab.", name), None, "{name}");
        }
    }
}
