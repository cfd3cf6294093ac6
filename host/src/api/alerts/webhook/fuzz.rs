//! A fuzzer's way to the forms of alerts; listed in `crate::fuzzing`.

use super::read;

/// What somebody sends as an alert: Alertmanager's, ElastAlert's, or our own.
pub(crate) fn alerts(input: &[u8]) -> Result<(), String> {
    let sent = serde_json::from_slice(input).map_err(|error| error.to_string())?;
    let Ok(alerts) = read(sent) else { return Ok(()) };
    for alert in alerts {
        let (incoming, _) = alert.and_then(super::AlertSent::incoming).map_err(|refusal| refusal.sentence())?;
        assert!(incoming.value.is_none_or(f64::is_finite), "JSON holds no such number: {incoming:?}");
    }
    Ok(())
}
