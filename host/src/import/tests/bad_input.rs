//! Whatever is fed in: a sentence that says where, what and what to do, or a note; never a panic, never a secret.

use super::*;

const HPA: &str = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n";

fn refusal(system: System, text: &str) -> String {
    of(system, text).unwrap_err().to_string()
}

#[test]
fn what_is_not_yaml_says_its_line() {
    let text = refusal(System::Hpa, "kind: HorizontalPodAutoscaler\nspec: [1, 2\nmore: {");
    assert!(text.starts_with("in:") && text.contains("is not YAML or JSON that can be read"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn a_note_is_one_line_whatever_a_key_holds() {
    let spec = "spec: {scaleTargetRef: {kind: Deployment, name: web}, maxReplicas: 3}\n";
    let text = format!("{}{spec}", HPA.replace("name: web", r#"name: web, annotations: {"odd\nkey\r\e[2J": "1"}"#));
    let found = of(System::Hpa, &text).unwrap();
    let told = note(&found, Outcome::Aside, r"odd key\u{d}\u{1b}[2J").to_string();
    assert!(!told.contains(char::is_control), "{told:?}");
}

#[test]
fn a_complaint_about_yaml_repeats_nothing_of_the_file() {
    for text in
        ["token: hunter2\n\tbad: [hunter2", "a: \"hunter2\n", "{\"token\": \"hunter2\", }}", "a: *hunter2x\nb: 'x"]
    {
        for system in System::ALL {
            if let Err(error) = of(system, text) {
                let error = error.to_string();
                assert!(!error.contains("hunter2\n") && !error.contains("hunter2\""), "{system}: {error}");
            }
        }
    }
}

#[test]
fn nothing_and_other_kinds_are_nothing_to_import() {
    for system in System::ALL.into_iter().filter(|system| ![System::Droplet, System::Asgard].contains(system)) {
        for text in ["", "---\n---\n", "# a comment\n"] {
            let error = refusal(system, text);
            assert!(error.contains(system.wants()) && error.contains("overscaler"), "{error}");
        }
    }
    let error = refusal(System::Hpa, "kind: Service\nmetadata: {name: web}\n");
    assert!(error.contains("HorizontalPodAutoscaler"), "{error}");
}

#[test]
fn a_document_that_lacks_what_it_needs_says_which_field() {
    let cases = [
        ("metadata: {name: web}", "kind"),
        ("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler", "metadata"),
        ("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {}", "metadata.name"),
        ("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: 'a b'}", "metadata.name"),
        ("apiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}", "apiVersion"),
        (HPA, "spec"),
        (&format!("{HPA}spec: {{maxReplicas: 3}}"), "spec.scaleTargetRef"),
        (&format!("{HPA}spec: {{scaleTargetRef: {{}}, maxReplicas: 3}}"), "spec.scaleTargetRef.name"),
        (&format!("{HPA}spec: {{scaleTargetRef: {{name: web}}}}"), "spec.maxReplicas"),
        (&format!("{HPA}spec: {{scaleTargetRef: {{name: web}}, maxReplicas: many}}"), "spec.maxReplicas"),
        (&format!("{HPA}spec: {{scaleTargetRef: {{name: web}}, maxReplicas: 1e9}}"), "spec.maxReplicas"),
        (&format!("{HPA}spec: {{scaleTargetRef: {{name: web}}, minReplicas: 5, maxReplicas: 2}}"), "spec.maxReplicas"),
    ];
    for (text, field) in cases {
        let found = of(System::Hpa, text).unwrap();
        assert!(found.bindings.is_empty() && found.is_partial(), "{text}: {}", told(&found));
        let refused: Vec<&Note> = found.notes.iter().filter(|note| note.outcome == Outcome::Refused).collect();
        assert_eq!(refused.iter().map(|note| note.field.as_str()).collect::<Vec<_>>(), [field], "{text}");
        assert!(!refused[0].remedy.is_empty());
    }
}

#[test]
fn values_of_the_wrong_type_are_told_and_left_out() {
    let spec = "spec:\n  scaleTargetRef: {name: web}\n  maxReplicas: 3\n";
    let cases = [
        ("  metrics: none\n", "is a text, not a list"),
        ("  metrics: [3]\n", "is a number, not a map"),
        ("  metrics: [{type: Resource}]\n", "has no `resource`"),
        ("  metrics: [{type: Weather}]\n", "is of no type that an HPA has"),
        (
            "  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0}}}]\n",
            "is not above 0",
        ),
        (
            "  metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: fast}}}]\n",
            "is not a quantity",
        ),
        ("  behavior: {scaleUp: {selectPolicy: Disabled}}\n", "raises cannot be switched off alone"),
        ("  behavior: {scaleUp: {stabilizationWindowSeconds: -1}}\n", "is not a whole number from 0 to 3600"),
        ("  behavior: {scaleUp: {policies: [{type: Pods, value: 4}]}}\n", "needs type Pods or Percent"),
    ];
    for (lines, words) in cases {
        let found = of(System::Hpa, &format!("{HPA}{spec}{lines}")).unwrap();
        let lost = found.notes.iter().filter(|note| note.outcome == Outcome::Lost);
        assert!(lost.into_iter().any(|note| note.to_string().contains(words)), "{words}: {}", told(&found));
        assert!(found.is_lossy());
    }
}

#[test]
fn unknown_fields_are_named_and_their_values_are_not() {
    let text =
        format!("{HPA}spec: {{scaleTargetRef: {{name: web}}, maxReplicas: 3, password: hunter2}}\nextra: hunter2\n");
    let found = of(System::Hpa, &text).unwrap();
    assert_eq!(note(&found, Outcome::Lost, "spec.password").field, "spec.password");
    assert_eq!(note(&found, Outcome::Lost, "extra").field, "extra");
    assert!(!told(&found).contains("hunter2"));
}

#[test]
fn bombs_and_giants_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", ")));
    }
    let deep = "[".repeat(5000);
    let deep_blocks: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let many: String = "---\nkind: Service\n".repeat(1100);
    let wide = format!("a: [{}]", "1,".repeat(300_000));
    let wide_json = format!("{{\"a\":\t[{}1]}}", "1,".repeat(300_000));
    let long = "x".repeat(FILE_BYTES_MAX + 1);
    // Each of the ways in which files are read.
    for text in [&bomb, &deep, &deep_blocks, &many, &wide, &wide_json, &long] {
        for system in [System::Hpa, System::Overlord, System::Droplet] {
            let error = of(system, text).unwrap_err();
            assert!(matches!(error, ImportError::Unreadable(_)), "{system}: {error}");
            assert!(error.to_string().len() < 400, "{}", error.to_string().len());
        }
    }
}

#[test]
fn names_of_an_input_cannot_break_out_of_a_comment_or_a_text() {
    let text = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {name: web}\n  \
                triggers:\n    - type: rabbitmq\n      metadata: {queueName: \"a\\\"]\\n[driver.evil.process]\\u001b[2J'\", value: '5'}\n    \
                - type: prometheus\n      metadata: {query: \"up{a='b\\\"'}\\n[x]\", threshold: '1', metricName: \"a\\nb\"}\n";
    let found = of(System::Keda, text).unwrap();
    let config = read_back(&found, &Choices::of(System::Keda));
    assert_eq!(config.drivers.len(), 1);
    assert!(!found.toml().contains('\u{1b}'));
}

#[test]
fn labels_that_make_no_sense_end_in_notes() {
    let labels = |extra: &str| {
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\n  labels: {{app: db, overscaler: 'true', \
             min-replicas: '1', max-replicas: '3', autoscaler-count: '1', metric-1: uptime, \
             rule-1: uptime_greater_5_scale, {extra}}}\n"
        )
    };
    let cases = [
        ("metric-2: weather", "is no metric of Overscaler"),
        ("rule-2: uptime_greater_0.5_scale", "is no rule of Overscaler"),
        ("rule-2: uptime_above_5_scale", "is no rule of Overscaler"),
        ("rule-2: 5", "is no rule of Overscaler"),
        ("rule-2: cpu-limit_greater_5_scale", "is not monitored"),
        ("rule-2: [1]", "is no rule of Overscaler"),
    ];
    for (extra, words) in cases {
        let found = of(System::Overscaler, &labels(extra)).unwrap();
        assert_eq!(found.bindings.len(), 1);
        assert!(found.notes.iter().any(|note| note.outcome == Outcome::Lost && note.what.contains(words)), "{words}");
    }
    let refused =
        [("app: db", "app: other"), ("min-replicas: '1'", "min-replicas: '9'"), ("'3'", "many"), ("'3'", "'0'")];
    for (from, to) in refused {
        let found = of(System::Overscaler, &labels("x: y").replace(from, to)).unwrap();
        assert!(found.bindings.is_empty() && found.is_partial(), "{to}: {}", told(&found));
    }
}

#[test]
fn what_asgard_reads_in_a_word_is_a_word_here() {
    let app = |ignore: &str| {
        format!(
            "{{\"id\": \"/web\", \"labels\": {{\"asgard.autoscale.cpu\": \"0.5\", \"asgard.autoscale.mem\": \"0.5\", \
             \"asgard.autoscale.ignore\": \"{ignore}\"}}}}"
        )
    };
    let found = of(System::Asgard, &app("small")).unwrap();
    assert!(note(&found, Outcome::Changed, "anywhere in the text").what.contains("[\"cpu\", \"memory\"]"));
    assert!(!found.toml().contains("ignore ="), "{}", found.toml());
    let compat = Choices { compat: true, ..Choices::of(System::Asgard) };
    assert!(matches!(with(System::Asgard, &app("small"), &compat), Err(ImportError::Nothing { .. })));
    assert!(of(System::Asgard, &app("mem")).unwrap().toml().contains("ignore = [\"memory\"]"));
    assert!(matches!(of(System::Asgard, &app("all")), Err(ImportError::Nothing { .. })));
}

#[test]
fn figures_out_of_range_stop_the_droplets_as_they_stopped_the_function() {
    for line in
        ["SCALE_UP_WHEN_LOAD=-1.0", "MAX_DROPLETS_IN_CLUSTER=1", "SCALING_INTERVAL=soon", "SCALING_INTERVAL=NaN"]
    {
        let found = of(System::Droplet, &format!("API_TOKEN=hunter2\nCLUSTER_TAG=web\n{line}\n")).unwrap();
        assert!(found.bindings.is_empty(), "{line}");
        let refused = note(&found, Outcome::Refused, "then the function does nothing");
        assert_eq!((refused.line, refused.field.as_str()), (3, line.split('=').next().unwrap()));
        assert!(!told(&found).contains("hunter2"));
    }
    let found = of(System::Droplet, "CLUSTER_TAG=${CLUSTER_TAG}\n").unwrap();
    assert!(note(&found, Outcome::Refused, "CLUSTER_TAG").remedy.contains("not a placeholder"));
}

#[test]
fn what_our_own_configuration_refuses_is_no_binding_and_says_why() {
    let crossed = "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: web}\nspec:\n  targetRef: \
                   {name: web}\n  resourcePolicy: {containerPolicies: [{containerName: a, minAllowed: {cpu: 2}, maxAllowed: \
                   {cpu: 1}}]}\n";
    let found = of(System::Vpa, crossed).unwrap();
    let refused = note(&found, Outcome::Refused, "our configuration refuses it");
    assert!(found.bindings.is_empty() && refused.what.contains("min 2 is above max 1"), "{}", refused.what);
}

#[test]
fn a_pinned_count_needs_no_fallback() {
    let text = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web, annotations: \
                {autoscaling.keda.sh/paused-replicas: '2'}}\nspec:\n  scaleTargetRef: {name: web}\n  fallback: \
                {failureThreshold: 3, replicas: 6}\n  triggers: [{type: cpu, metadata: {value: '50'}}]\n";
    let found = of(System::Keda, text).unwrap();
    let config = read_back(&found, &Choices::of(System::Keda));
    let web = &config.bindings[0].settings;
    assert_eq!((web.replicas, web.fallback.is_none()), (crate::bounds::Range { min: 2, max: 2 }, true));
}

#[test]
fn quantities_read_as_kubernetes_writes_them() {
    use super::super::kubernetes::quantity_of;
    let cases = [
        ("500m", 0.5),
        ("1k", 1000.0),
        ("64Mi", 67_108_864.0),
        ("1e3", 1000.0),
        ("2", 2.0),
        ("0.1", 0.1),
        ("5E", 5e18),
    ];
    for (text, number) in cases {
        assert_eq!(quantity_of(text), Some(number), "{text}");
    }
    for text in ["", "m", "inf", "NaN", "1e999", "--1", "1 000", "0x10", "1MiB"] {
        assert_eq!(quantity_of(text), None, "{text}");
    }
}
