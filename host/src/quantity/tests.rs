use std::collections::BTreeMap;

use super::*;

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
    assert_eq!("1h 30 m".parse(), Ok(DurationMs(5_400_000)), "blanks between do no harm");
    assert_eq!(duration("15"), "\"15\" has no unit; write \"500ms\", \"15s\", \"2m\", \"1h30m\" or \"7d\"");
    assert!(duration("15 parsecs").contains("is not a unit of a duration"));
    for text in
        ["", "s", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615d", "1s1", "5 years", "1e9s", "١s"]
    {
        assert!(text.parse::<DurationMs>().is_err(), "{text}");
    }
    for text in ["", "-1", "1..2", "NaN", "inf", "1e400", "999999999999999999999"] {
        assert!(text.parse::<CpuMillis>().is_err(), "{text}");
        assert!(text.parse::<MemoryBytes>().is_err(), "{text}");
    }
    assert!("1mi".parse::<MemoryBytes>().is_err() && "1k".parse::<CpuMillis>().is_err());
}

#[test]
fn a_table_may_hold_a_bare_number_where_it_has_a_meaning() {
    fn read<Q: serde::de::DeserializeOwned>(text: &str) -> Result<Q, String> {
        let table: Result<BTreeMap<String, Q>, _> = toml::from_str(text);
        table.map(|mut table| table.remove("it").unwrap()).map_err(|error| error.message().to_owned())
    }
    assert_eq!(read("it = 2"), Ok(CpuMillis(2000)));
    assert_eq!(read("it = 0.5"), Ok(CpuMillis(500)));
    assert_eq!(read("it = 67_108_864"), Ok(MemoryBytes(64 << 20)));
    assert_eq!(read("it = 0.5"), Ok(Share(0.5)));
    assert_eq!(read("it = \"2m\""), Ok(DurationMs(120_000)));
    assert!(read::<DurationMs>("it = 15").unwrap_err().contains("\"15\" has no unit"));
    assert!(read::<MemoryBytes>("it = -1").unwrap_err().contains("\"-1\" is not an amount of memory"));
    assert!(read::<CpuMillis>("it = true").unwrap_err().contains("an amount of CPU such as \"100m\""));
    let written =
        serde_json::to_string(&(DurationMs(90_000), CpuMillis(250), MemoryBytes(1 << 20), Share(0.5))).unwrap();
    assert_eq!(written, r#"["1m30s","250m","1Mi","50%"]"#);
}

#[test]
fn a_time_that_is_left_is_rounded_once_it_is_long() {
    for (ms, shown) in
        [(0, "0s"), (345, "345ms"), (9_999, "9s999ms"), (149_537, "2m30s"), (u64::MAX, "213503982334d14h25m51s")]
    {
        assert_eq!(DurationMs(ms).rounded().to_string(), shown);
    }
    assert_eq!(DurationMs::nearest(3_600_000.4), DurationMs(3_600_000));
    assert_eq!(DurationMs::nearest(f64::INFINITY), DurationMs(u64::MAX));
}

#[test]
fn memory_is_rounded_for_people() {
    for (bytes, text) in
        [(0, "0"), (1_658_880, "1620Ki"), (94_420_992, "90Mi"), (10 << 20, "10Mi"), (u64::MAX, "17592186044415Mi")]
    {
        assert_eq!(MemoryBytes(bytes).rounded().to_string(), text);
    }
}
