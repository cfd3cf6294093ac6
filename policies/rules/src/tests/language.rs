use super::*;

/// What the binding is refused with.
fn refusal(rule: &str) -> String {
    match bench([rule]).bind() {
        Err(refusal) => refusal.text,
        Ok(_) => panic!("`{rule}` is taken"),
    }
}

fn says(rule: &str, column: usize, expected: &str) {
    let text = refusal(rule);
    assert!(text.contains(&format!("column {column}: expected {expected}")), "{text}");
}

#[test]
fn every_example_of_the_grammar_is_taken() {
    let rules = [
        "+1 when mean(cpu_millicores % of cpu limit) >= 80% for 2m",
        "-1 when all(cpu_millicores % of cpu limit) < 30% for 10m",
        "+2 when max(queue_length) > 100 or p95(latency_ms) > 400",
        "fill when any(memory_bytes) >= 900Mi",
        "x0.5 when sessions < 10 for 1h30m",
        "to 3 when requests_per_second in 100..200",
        "hold when deploy_state is not 'done'",
        "hold when deploy_state is \"rolling\"",
        "+1 when any(sum(memoryuse) by node) >= 80% of 512Mi",
        "+1 when any node(memory_bytes % of memory capacity) >= 90",
        "+1 when (a >= 1 or b != 2) and (c = -3 or `when` < 4)",
        "+1 when frontend.stot each 1000 >= 900",
        "+1 when sum queue(length) > 10k",
        "+1 when p99 >= 250m and max > 1_000.5",
        "cpu-usage-percent_greater_90_scale",
        "  cpu-usage-percent_lower_20_reduce  ",
    ];
    let needs = bench(rules).bind().unwrap();
    assert!(needs.iter().all(|need| need.required));
    let named = |name: &str| needs.iter().filter(|need| need.name == name).collect::<Vec<_>>();
    assert_eq!(named("cpu_millicores").len(), 1, "each reading once");
    assert_eq!(named("cpu_millicores")[0].look_back_ms, 900_000, "the longest `for`, and half of it");
    assert_eq!(named("when")[0].subject, "target");
    assert_eq!(named("p99")[0].subject, "target");
    assert_eq!(named("length")[0].subject, "queue");
    assert_eq!(named("cpu-usage-percent")[0].subject, "instance");
}

#[test]
fn what_is_not_understood_is_shown_with_its_column() {
    says("", 1, "an action");
    says("scale when a > 1", 1, "an action");
    says("+ when a > 1", 3, "a whole number from 1 to 10000");
    says("+1.5 when a > 1", 2, "a whole number from 1 to 10000");
    says("+0 when a > 1", 2, "a whole number");
    says("x1 when a > 1", 1, "a factor above 0");
    says("x-2 when a > 1", 1, "an action");
    says("+1 if a > 1", 4, "`when`");
    says("+1 when", 8, "a reading's name");
    says("+1 when a", 10, "`>=`, `>`");
    says("+1 when a >> 1", 12, "a number");
    says("+1 when a => 1", 12, "a number");
    says("+1 when a > b", 13, "a number");
    says("+1 when a > 5x", 13, "a number, with a unit");
    says("+1 when a > 80%", 13, "a number without `%`");
    says("+1 when a in 5", 15, "`..`");
    says("+1 when a in 5..1", 17, "an end that is not below");
    says("+1 when a each 0 > 1", 16, "a number above zero");
    says("+1 when a is done", 14, "a text in quotes");
    says("+1 when a is 'done", 14, "a text in quotes");
    says("+1 when max(a) is 'x'", 16, "a comparison of numbers");
    says("+1 when max a > 1", 13, "`>=`, `>`");
    says("+1 when max(a > 1", 15, "`)` or `% of");
    says("+1 when max(a % of limit) > 1", 20, "`cpu` or `memory`");
    says("+1 when max(a % of cpu capacity) > 1", 24, "`limit` or `request`");
    says("+1 when max node(a % of cpu limit) > 1", 29, "`capacity`");
    says("+1 when max queue(a % of cpu limit) > 1", 18, "a plain reading");
    says("+1 when any(sum(a)) > 1", 19, "`by node`");
    says("+1 when any(any(a) by node) > 1", 13, "`sum`, `mean`, `max`");
    says("+1 when any node(sum(a) by node) > 1", 17, "a reading's name: only instances");
    says("+1 when (a > 1", 15, "`)`");
    says("+1 when a > 1)", 14, "`and`, `or`, `for` or the end");
    says("+1 when a > 1 for 2", 19, "a duration");
    says("+1 when a > 1 for 2d", 19, "a duration");
    says("+1 when a > 1 for ever", 19, "a duration");
    says("+1 when and > 1", 9, "a reading's name; one that is a word");
    says("+1 when ä > 1", 9, "a reading's name");
    says("+1 when größe > 1", 11, "`>=`");
    says("cpu_above_90_scale", 1, "an action");
    says("cpu_greater_0.5_scale", 1, "an action");
    says("cpu_greater_-5_scale", 1, "an action");
}

#[test]
fn the_refusal_names_rule_and_statement() {
    let refusal = bench(["+1 when a > 1", "+1 when größe => 1"]).bind().unwrap_err();
    assert_eq!(refusal.kind, "parameter-wrong");
    let wanted = "rule 2, column 11: expected `>=`, `>`, `<=`, `<`, `=`, `!=`, `in`, `is` or `each`, found `ö`, in `+1 when größe => 1`";
    assert_eq!(refusal.text, wanted);
}

#[test]
fn size_has_limits() {
    let many = vec!["+1 when a > 1"; 65];
    assert!(
        Bench::new().set("rules", many).bind().unwrap_err().text.contains("has 65 statements, allowed are 1 to 64")
    );
    assert!(Bench::new().set("rules", Vec::<&str>::new()).bind().unwrap_err().text.contains("has 0 statements"));
    assert!(Bench::new().bind().is_err(), "no rules at all");
    let long = format!("+1 when a > 1{}", " ".repeat(1024));
    assert!(refusal(&long).contains("is 1037 bytes long"));
    let deep = |depth: usize| format!("+1 when {}a > 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(bench([deep(8).as_str()]).bind().is_ok());
    assert!(refusal(&deep(9)).contains("parentheses at most 8 deep"));
    assert!(refusal(&deep(400)).contains("parentheses at most 8 deep"));
    let wide = format!("+1 when a>1{}", " or a>1".repeat(100));
    assert!(Bench::new().set("rules", vec![wide; 3]).bind().unwrap_err().text.contains("at most 256 comparisons"));
}

#[test]
fn numbers_have_the_units_of_bindings() {
    let scene = |value: f64| Scene::new().reading("a", [value]);
    for (text, value) in [
        ("512Mi", 536_870_912.0),
        ("1.5Ki", 1536.0),
        ("2Gi", 2_147_483_648.0),
        ("1Ti", 1_099_511_627_776.0),
        ("250m", 250.0),
        ("10k", 10_000.0),
        ("2M", 2e6),
        ("3G", 3e9),
        ("4T", 4e12),
        ("-0.25", -0.25),
        ("80% of 512Mi", 429_496_729.6),
        ("0.1", 0.1),
    ] {
        is_so(&format!("a = {text}"), scene(value), true);
    }
}

#[test]
fn durations_reach_from_a_second_to_a_day() {
    let look_back =
        |text: &str| bench([&*format!("+1 when a > 1 for {text}")]).bind().map(|needs| needs[0].look_back_ms);
    assert_eq!(look_back("1s").unwrap(), 61_000);
    assert_eq!(look_back("1h30m").unwrap(), 5_400_000 + 2_700_000);
    assert_eq!(look_back("1d").unwrap(), 129_600_000);
    assert_eq!(look_back("1500ms").unwrap(), 61_500);
    for wrong in ["500ms", "1d1s", "5", "m", "1x", "1h-3m", "99999999999999999d"] {
        assert!(look_back(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn and_binds_tighter_than_or() {
    let scene = || Scene::new().reading("a", [1.0]).reading("b", [0.0]).reading("c", [0.0]);
    is_so("a = 1 or b = 1 and c = 1", scene(), true);
    is_so("(a = 1 or b = 1) and c = 1", scene(), false);
    is_so("b = 1 and c = 1 or a = 1", scene(), true);
    is_so("a = 1 and b = 0 and c = 0", scene(), true);
    is_so("((a = 0)) or ((b = 1) or (c = 0))", scene(), true);
}
