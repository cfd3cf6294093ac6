//! The bounds of a binding: `replicas`, `cpu`, `cooldown` … into [`Settings`], each range checked.

use std::ops::RangeInclusive;

use super::reader::{Item, Table};
use crate::bounds::{Behavior, Combine, Cooldown, Fallback, Mode, Range, Settings, StepLimit, Window};
use crate::quantity::{CpuMillis, MemoryBytes};

/// Durations of bounds: longer ones are mistakes more often than wishes, and windows keep their history in memory.
pub(super) const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// More replicas than this are a slip of the finger.
pub(super) const REPLICAS_MAX: u32 = 1_000_000;
const CPU_MILLIS: RangeInclusive<u64> = 1..=1_000_000_000;
const MEMORY_BYTES: RangeInclusive<u64> = 1..=1 << 50;
const PERCENT_MAX: f64 = 1_000_000.0;
const WINDOWS_MAX: usize = 16;

/// Reads the bounds among a binding's keys; what is left out keeps its default.
pub(super) fn read_settings(binding: &Table<'_>) -> Settings {
    let mut settings = Settings::default();
    read_ranges(binding, &mut settings);
    read_pace(binding, &mut settings);
    read_steps(binding, &mut settings);
    read_care(binding, &mut settings);
    read_choices(binding, &mut settings);
    settings
}

fn read_ranges(binding: &Table<'_>, settings: &mut Settings) {
    if let Some(item) = binding.get("replicas") {
        settings.replicas = read_replicas(&item, settings.replicas);
    }
    (settings.cpu_millis, settings.memory_bytes) = optional_figures(binding);
    if let Some(margin) = binding.get("memory_peak_margin").and_then(|item| item.share_to(10.0)) {
        settings.memory_peak_margin = margin;
    }
    if let Some(rounding) = binding.get("rounding").and_then(|item| item.table()) {
        if let Some(millis) = rounding.get("cpu").and_then(|item| cpu_millis(&item)) {
            settings.cpu_step_millis = millis;
        }
        if let Some(bytes) = rounding.get("memory").and_then(|item| memory_bytes(&item)) {
            settings.memory_step_bytes = bytes;
        }
        rounding.finish();
    }
}

/// `cpu` and `memory`, each of whose sides may be left out.
pub(super) fn optional_figures(table: &Table<'_>) -> (Range<Option<u64>>, Range<Option<u64>>) {
    let none = Range { min: None, max: None };
    let show_cpu = |millis: u64| CpuMillis(millis).to_string();
    let show_memory = |bytes: u64| MemoryBytes(bytes).to_string();
    let cpu = table.get("cpu").map_or(none, |item| optional_range(&item, cpu_millis, show_cpu));
    let memory = table.get("memory").map_or(none, |item| optional_range(&item, memory_bytes, show_memory));
    (cpu, memory)
}

/// `{ min = 2, max = 10 }`; a side left out keeps that of `default`.
pub(super) fn read_replicas(item: &Item<'_>, default: Range<u32>) -> Range<u32> {
    let Some(table) = item.table() else { return default };
    let side = |key| table.get(key).map(|item| item.count(0..=REPLICAS_MAX));
    let (min, max) = (side("min"), side("max"));
    table.finish();
    match (min, max) {
        (Some(Some(min)), Some(Some(max))) if min > max => {
            item.complain(format!("min {min} is above max {max}"), "lower min or raise max");
            default
        }
        (Some(Some(min)), None) if min > default.max => {
            item.complain(
                format!("min {min} is above max, which is {} where it is not stated", default.max),
                "state max",
            );
            default
        }
        (None, Some(Some(max))) if max < default.min => {
            item.complain(
                format!("max {max} is below min, which is {} where it is not stated", default.min),
                "state min",
            );
            default
        }
        (min, max) => Range { min: min.flatten().unwrap_or(default.min), max: max.flatten().unwrap_or(default.max) },
    }
}

fn read_pace(binding: &Table<'_>, settings: &mut Settings) {
    if let Some((up, down)) = up_and_down(binding, "stabilization") {
        settings.stabilize_up_ms = up.unwrap_or(settings.stabilize_up_ms);
        settings.stabilize_down_ms = down.unwrap_or(settings.stabilize_down_ms);
    }
    for (key, cooldown) in [("cooldown", &mut settings.cooldown), ("resize_cooldown", &mut settings.resize_cooldown)] {
        if let Some((up, down)) = up_and_down(binding, key) {
            *cooldown = Cooldown { up_ms: up.unwrap_or(cooldown.up_ms), down_ms: down.unwrap_or(cooldown.down_ms) };
        }
    }
    if let Some(deadline_ms) = binding.get("deadline").and_then(|item| item.duration_ms(1000..=WEEK_MS)) {
        settings.change_deadline_ms = deadline_ms;
    }
}

/// `{ up = "15s", down = "2m" }`, each optional.
fn up_and_down(binding: &Table<'_>, key: &'static str) -> Option<(Option<u64>, Option<u64>)> {
    let table = binding.get(key)?.table()?;
    let side = |key| table.get(key).and_then(|item| item.duration_ms(0..=WEEK_MS));
    let sides = (side("up"), side("down"));
    table.finish();
    Some(sides)
}

fn read_steps(binding: &Table<'_>, settings: &mut Settings) {
    if let Some(table) = binding.get("step").and_then(|item| item.table()) {
        for (key, step) in [("up", &mut settings.step_up), ("down", &mut settings.step_down)] {
            if let Some(limit) = table.get(key).and_then(|item| step_limit(&item)) {
                *step = limit;
            }
        }
        table.finish();
    }
    if let Some(table) = binding.get("windows").and_then(|item| item.table()) {
        for (key, windows) in [("up", &mut settings.windows_up), ("down", &mut settings.windows_down)] {
            if let Some(found) = table.get(key).and_then(|item| read_windows(&item)) {
                *windows = found;
            }
        }
        table.finish();
    }
    if let Some(table) = binding.get("resize_step").and_then(|item| item.table()) {
        let side = |key, most| table.get(key).and_then(|item: Item<'_>| item.share_to(most));
        settings.resize_step = Range { min: side("down", 1.0), max: side("up", 1000.0) };
        table.finish();
    }
}

fn read_windows(item: &Item<'_>) -> Option<Vec<Window>> {
    let items = item.items()?;
    if items.len() > WINDOWS_MAX {
        item.complain(format!("{} windows are more than {WINDOWS_MAX}", items.len()), "leave some out");
        return None;
    }
    Some(items.iter().filter_map(read_window).collect())
}

/// `{ at_most = 4, within = "10m" }`.
fn read_window(item: &Item<'_>) -> Option<Window> {
    let table = item.table()?;
    let limit = table.need("at_most", "say how much: at_most = 4 or \"50%\"").and_then(|item| step_limit(&item));
    let within = table.need("within", "say for how long: within = \"10m\"");
    let window_ms = within.and_then(|item| item.duration_ms(1000..=WEEK_MS));
    table.finish();
    Some(Window { window_ms: window_ms?, limit: limit? })
}

/// `4`, `"4"`, `"50%"`, or `{ count = 4, percent = 50 }`, where the wider of the two holds.
fn step_limit(item: &Item<'_>) -> Option<StepLimit> {
    use toml::de::DeValue;
    match item.value().get_ref() {
        DeValue::Integer(_) => Some(StepLimit { count: Some(item.count(1..=REPLICAS_MAX)?), percent: None }),
        DeValue::String(_) => step_of_text(item),
        DeValue::Table(_) => {
            let table = item.table()?;
            let count = table.get("count").map(|item| item.count(1..=REPLICAS_MAX));
            let percent =
                table.get("percent").map(|item| item.number().filter(|percent| percent_fits(&item, *percent)));
            table.finish();
            if count.is_none() && percent.is_none() {
                item.complain("limits nothing", "give count, percent or both");
                return None;
            }
            Some(StepLimit { count: count.flatten(), percent: percent.flatten() })
        }
        _ => item.wrong_type("a step", "write 4, \"50%\" or { count = 4, percent = 50 }"),
    }
}

fn step_of_text(item: &Item<'_>) -> Option<StepLimit> {
    let text = item.text()?;
    if let Some(number) = text.trim().strip_suffix('%') {
        let percent = number.trim().parse::<f64>().ok().filter(|percent| percent.is_finite());
        if let Some(percent) = percent {
            return percent_fits(item, percent).then_some(StepLimit { count: None, percent: Some(percent) });
        }
    } else if let Some(count) = text.trim().parse::<u32>().ok().filter(|count| (1..=REPLICAS_MAX).contains(count)) {
        return Some(StepLimit { count: Some(count), percent: None });
    }
    item.complain(format!("{text:?} is not a step"), "write \"4\" (replicas, at least 1) or \"50%\"");
    None
}

fn percent_fits(item: &Item<'_>, percent: f64) -> bool {
    let fits = percent > 0.0 && percent <= PERCENT_MAX;
    if !fits {
        item.complain(format!("{percent} percent is not above 0 and up to {PERCENT_MAX}"), "");
    }
    fits
}

fn read_care(binding: &Table<'_>, settings: &mut Settings) {
    if let Some(share) = binding.get("tolerance").and_then(|item| item.share()) {
        settings.tolerance = share;
    }
    if let Some(share) = binding.get("coverage").and_then(|item| item.share()) {
        settings.coverage_min = share;
    }
    if let Some(table) = binding.get("lost").and_then(|item| item.table()) {
        if let Some(share) = table.get("share").and_then(|item| item.share()) {
            settings.lost_share_max = share;
        }
        if let Some(window_ms) = table.get("within").and_then(|item| item.duration_ms(1000..=WEEK_MS)) {
            settings.lost_window_ms = window_ms;
        }
        table.finish();
    }
    if let Some(count) = binding.get("unavailable_max").and_then(|item| item.count(1..=REPLICAS_MAX)) {
        settings.unavailable_max = count;
    }
    if let Some(window) = binding.get("actions").and_then(|item| read_window(&item)) {
        settings.actions_max = window;
    }
    if let Some(count) = binding.get("ready_min").and_then(|item| item.count(0..=REPLICAS_MAX)) {
        settings.ready_min = count;
    }
}

fn read_choices(binding: &Table<'_>, settings: &mut Settings) {
    const MODES: [(&str, Mode); 4] =
        [("act", Mode::Act), ("raise-only", Mode::RaiseOnly), ("dry-run", Mode::DryRun), ("off", Mode::Off)];
    const COMBINES: [(&str, Combine); 5] = [
        ("max", Combine::Max),
        ("min", Combine::Min),
        ("mean", Combine::Mean),
        ("median", Combine::Median),
        ("first", Combine::First),
    ];
    if let Some(mode) = binding.get("mode").and_then(|item| item.word(&MODES)) {
        settings.mode = mode;
    }
    if let Some(combine) = binding.get("combine").and_then(|item| item.word(&COMBINES)) {
        settings.combine = combine;
    }
    if let Some(item) = binding.get("fallback") {
        settings.fallback = read_fallback(&item, settings.replicas);
    }
}

/// `{ after = "10m", behavior = "fixed", replicas = 4 }`.
fn read_fallback(item: &Item<'_>, range: Range<u32>) -> Option<Fallback> {
    #[derive(Clone, Copy)]
    enum Word {
        Hold,
        IfHigher,
        Fixed,
    }
    const WORDS: [(&str, Word); 3] = [("hold", Word::Hold), ("if-higher", Word::IfHigher), ("fixed", Word::Fixed)];
    let table = item.table()?;
    let after = table.need("after", "say after how long: after = \"10m\"");
    let after_ms = after.and_then(|item| item.duration_ms(0..=WEEK_MS));
    let word = table.get("behavior").map_or(Some(Word::Hold), |item| item.word(&WORDS));
    let replicas_item = table.get("replicas");
    let replicas = replicas_item.as_ref().and_then(|item| item.count(0..=REPLICAS_MAX));
    table.finish();
    if let (Some(item), Some(count)) = (&replicas_item, replicas)
        && !(range.min..=range.max).contains(&count)
    {
        let (min, max) = (range.min, range.max);
        item.complain(format!("{count} is outside the replicas of this binding, {min} to {max}"), "choose one within");
        return None;
    }
    let behavior = match (word?, replicas_item, replicas) {
        (Word::Hold, None, _) => Behavior::Hold,
        (Word::Hold, Some(item), _) => {
            item.complain("has no meaning with behavior = \"hold\"", "remove it, or choose \"if-higher\" or \"fixed\"");
            return None;
        }
        (_, None, _) => {
            item.complain("replicas is missing", "say how many: replicas = 4");
            return None;
        }
        (Word::IfHigher, Some(_), count) => Behavior::IfHigher(count?),
        (Word::Fixed, Some(_), count) => Behavior::Fixed(count?),
    };
    Some(Fallback { after_ms: after_ms?, behavior })
}

/// `{ min = …, max = … }`, each optional: a side left out is not bounded.
fn optional_range(
    item: &Item<'_>,
    read: fn(&Item<'_>) -> Option<u64>,
    show: impl Fn(u64) -> String,
) -> Range<Option<u64>> {
    let none = Range { min: None, max: None };
    let Some(table) = item.table() else { return none };
    let side = |key| table.get(key).and_then(|item| read(&item));
    let sides = Range { min: side("min"), max: side("max") };
    table.finish();
    match (sides.min, sides.max) {
        (Some(min), Some(max)) if min > max => {
            item.complain(format!("min {} is above max {}", show(min), show(max)), "lower min or raise max");
            none
        }
        _ => sides,
    }
}

fn cpu_millis(item: &Item<'_>) -> Option<u64> {
    within(item, item.cpu_millis()?, &CPU_MILLIS)
}

fn memory_bytes(item: &Item<'_>) -> Option<u64> {
    within(item, item.memory_bytes()?, &MEMORY_BYTES)
}

fn within(item: &Item<'_>, number: u64, range: &RangeInclusive<u64>) -> Option<u64> {
    if range.contains(&number) {
        return Some(number);
    }
    let what = if number == 0 { "must be more than nothing" } else { "is implausibly large" };
    item.complain(what, "");
    None
}
