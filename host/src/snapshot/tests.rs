//! The snapshot's JSON form and its small rules.

use super::Reading;

#[test]
fn a_reading_whose_times_and_samples_do_not_match_is_not_read() {
    let form =
        |samples: &str| format!(r#"{{"name":"load","subject":"target","freshness":"fresh","samples":{samples}}}"#);
    for samples in [
        r#"{"of":"numbers","times_ms":[1,2],"values":[0.5,1.5]}"#,
        r#"{"of":"texts","times_ms":[1],"texts":["degraded"]}"#,
        r#"{"of":"numbers","times_ms":[],"values":[]}"#,
    ] {
        let reading: Reading = serde_json::from_str(&form(samples)).unwrap();
        assert_eq!(serde_json::to_string(&reading).unwrap(), form(samples));
    }
    for (samples, said) in [
        (r#"{"of":"numbers","times_ms":[1,2,3],"values":[18919,54.4]}"#, "reading load: 3 times for 2 samples"),
        (r#"{"of":"numbers","times_ms":[],"values":[1]}"#, "reading load: 0 times for 1 samples"),
        (r#"{"of":"texts","times_ms":[1],"texts":[]}"#, "reading load: 1 times for 0 samples"),
    ] {
        let error = serde_json::from_str::<Reading>(&form(samples)).unwrap_err().to_string();
        assert_eq!(error, said);
    }
}
