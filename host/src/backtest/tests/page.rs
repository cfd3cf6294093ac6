//! The page: whole, and free of what others wrote.

use std::collections::BTreeMap;

use crate::backtest::{Answers, Moved, Point, Report, page};

fn report(contestant: &str) -> Report {
    let point = |turn: u64| Point {
        at_ms: turn * 15_000,
        demand: 100.0,
        served: 90.0,
        unmet: 10.0,
        capacity: 90.0,
        backlog: 0.0,
        desired: 2,
        ready: 2.0,
        cpu_millis: 1000,
        memory_bytes: 1 << 30,
        out: false,
    };
    Report {
        contestant: contestant.to_owned(),
        trace: "t".to_owned(),
        from_ms: 0,
        to_ms: 5760 * 15_000,
        every_ms: 15_000,
        turns: 5760,
        demand: 1.0,
        served: 0.9,
        served_share: 0.9,
        unmet: 0.1,
        unmet_share: 0.1,
        short_share: 1.0,
        backlog_max: 0.0,
        backlog_end: 0.0,
        idle_share: 0.0,
        replicas_min: 2,
        replicas_mean: 2.0,
        replicas_max: 2,
        raises: 0,
        lowerings: 0,
        reversals: 0,
        resizes: 0,
        actions: 0,
        changes_per_hour: 0.0,
        killed: 0,
        replica_hours: 48.0,
        cpu_core_hours: 48.0,
        memory_gib_hours: 48.0,
        cost: 2.4,
        answers: Answers::default(),
        restraints: BTreeMap::new(),
        fed: Vec::new(),
        unfed: vec!["<b>rps</b> of the target".to_owned()],
        not_had: Vec::new(),
        changes: vec![Moved {
            at_ms: 60_000,
            kind: "scale".to_owned(),
            from: 1,
            to: 2,
            by: "policy",
            why: "<script>alert('\"')</script> & more".to_owned(),
        }],
        points: (0..5760).map(point).collect(),
    }
}

#[test]
fn nothing_on_it_is_fetched_or_run_and_all_texts_are_escaped() {
    let reports = [report("one"), report("</h3><i>two</i>")];
    let html = page("a < b", &[("x".to_owned(), "\"y\" & 'z'".to_owned())], &reports).unwrap();
    assert!(!html.contains("<script") && !html.contains("<i>two") && !html.contains("<b>rps"));
    assert!(html.contains("&lt;script&gt;alert(&#39;&quot;&#39;)&lt;/script&gt; &amp; more"));
    assert!(html.contains("a &lt; b") && html.contains("&quot;y&quot; &amp; &#39;z&#39;"));
    for word in ["src=", "href=", "url(", "@import"] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(!html.replace("http://www.w3.org/2000/svg", "").contains("http"));
    assert_eq!(html.matches("<svg").count(), 4);
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    assert!(html.ends_with("</body></html>\n") && html.len() < 400_000, "{} bytes", html.len());
}
