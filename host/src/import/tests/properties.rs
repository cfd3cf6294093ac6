//! No input panics us, and whatever comes out is sound.

use proptest::prelude::*;

use super::*;

/// Fragments of real manifests, strung together in any order and with anything between them.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| text.chars().take(12).collect()),
        prop::sample::select(vec![
            "kind: HorizontalPodAutoscaler",
            "apiVersion: autoscaling/v2",
            "metadata: {name: web}",
            "spec:",
            "  maxReplicas: 3",
            "  scaleTargetRef: {name: web}",
            "  metrics: [{type: Resource}]",
            "---",
            "\n",
            ": ",
            "- ",
            "kind: ScaledObject",
            "CLUSTER_TAG=web",
            "SCALING_INTERVAL=9e99",
            "{\"apps\": [",
            "{\"id\": \"/a\", \"labels\": {\"asgard.autoscale.cpu\": \"0.5\"}}",
            "]}",
            "autoScale: {rules: {memoryuse: 1m}}",
            "projectName: a",
            "kind: directorProject",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn nothing_panics_us(parts in prop::collection::vec(fragment(), 0..12)) {
        let text = parts.join("\n");
        for system in System::ALL {
            if let Ok(found) = of(system, &text) {
                read_back(&found, &Choices::of(system));
            }
        }
    }

    #[test]
    fn any_figures_make_a_sound_hpa(
        min in 0_u32..5, more in 0_u32..2_000_000, target in "[0-9]{1,6}(m|k|Mi|e2)?", seconds in 0_u32..5000,
    ) {
        let max = min.saturating_add(more);
        let text = format!(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: w}}\nspec:\n  \
             scaleTargetRef: {{name: w}}\n  minReplicas: {min}\n  maxReplicas: {max}\n  metrics:\n    - type: External\n      \
             external: {{metric: {{name: q}}, target: {{type: AverageValue, averageValue: {target}}}}}\n  behavior: {{scaleDown: \
             {{stabilizationWindowSeconds: {seconds}}}}}\n"
        );
        let found = of(System::Hpa, &text).unwrap();
        prop_assert!(!found.bindings.is_empty() || found.is_partial());
        read_back(&found, &Choices::of(System::Hpa));
    }
}
