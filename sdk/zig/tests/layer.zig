//! The layer by itself: what the example does not come by. `cargo xtask languages` tests it with the example's copy of the layer.

const std = @import("std");

const guest = @import("trimtab/guest.zig");
const rehearsal = @import("trimtab/rehearsal.zig");
const trimtab = @import("trimtab/trimtab.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const reads = std.testing.expectEqualStrings;
const wire = trimtab.wire;

/// A policy that uses all there is.
const all_there_is = struct {
    pub const about: trimtab.About = .{
        .name = "layer",
        .version = "1.2.3",
        .summary = "All there is",
        .kinds = &.{ "scale", "resize", "restart" },
        .memory_bytes = 1,
        .memory_format = 4,
    };

    pub const Parameters = struct {
        queue: trimtab.Required([]const u8, "The queue.", .{}),
        eager: trimtab.Standard(bool, true, "Whether it is.", .{}),
        step: trimtab.Standard(i64, -3, "By how many.", .{ .min = -5, .max = 5 }),
        span: trimtab.Standard(trimtab.Duration, .{ .ms = 90_000 }, "How long.", .{}),
        zones: trimtab.Standard([]const []const u8, &.{ "a", "b" }, "Which.", .{}),
        weights: trimtab.Optional([]const f64, "How much.", .{}),
        spans: trimtab.Optional([]const trimtab.Duration, "How often.", .{}),
        more: trimtab.Optional(trimtab.Json, "Whatever.", .{ .schema = "{}" }),
    };

    pub fn needs(parameters: *const Parameters, list: *trimtab.Needs) trimtab.Refused!void {
        if (parameters.queue.value.len == 0) return list.refuse(.parameter_wrong, "`queue` is empty");
        list.reading("depth", .target).look_back_ms = parameters.span.value.ms;
        _ = list.label("tier");
        _ = list.instances();
        _ = list.changes(60_000);
        _ = list.transitions("Europe/Vienna", 3_600_000);
    }

    pub fn evaluate(
        snapshot: *const trimtab.Snapshot,
        parameters: *const Parameters,
        answer: *trimtab.Answer,
    ) trimtab.Refused!void {
        const tier = snapshot.label("tier") orelse return answer.refuse(.not_applicable, "it has no tier");
        const samples = try snapshot.reading("depth").demand(answer);
        const rate = samples.rate() orelse return answer.refuse(.reading_missing, "no rate");
        const calls = if (snapshot.memory().len == 1) snapshot.memory()[0] + 1 else 1;
        answer.remember(&.{calls});
        answer.attr("tier", tier);
        answer.note(trimtab.join(.{ "call ", calls, ", step ", parameters.step.value }));
        answer.atLeast(2, trimtab.join(.{ "rate ", trimtab.figure(rate) })).group = 1;
        answer.atMost(9, "no more than that").group = 1;
        const main: wire.ContainerResources = .{
            .container = .of("main"),
            .requests = .{ .cpu_millis = .none, .memory_bytes = .some(1024) },
            .limits = .{ .cpu_millis = .none, .memory_bytes = .none },
            .attrs = .empty,
        };
        _ = answer.resize(&.{main}, "more memory");
        _ = answer.act("restart", &.{snapshot.instances()[0].id.slice()}, "it is the first");
    }
};

test "numbers are shown as in Rust" {
    const figures = [_]f64{ 0, 4, -4, 0.1, 0.25, 1.0 / 3.0, 0.9999, -0.0001, 1234567.891, 0.05, 1e300, 1.5e16 };
    const shown = [_][]const u8{ "0", "4", "-4", "0.1", "0.25", "0.333", "1", "0", "1234567.891", "0.05", "1.0e300", "1.5e16" };
    for (figures, shown) |value, text| try reads(text, trimtab.figure(value));
    try reads("nan", trimtab.figure(std.math.nan(f64)));
    try reads("-inf", trimtab.figure(-std.math.inf(f64)));
    try reads("-9223372036854775808, 0", trimtab.join(.{ @as(i64, std.math.minInt(i64)), ", ", 0 }));
}

test "counts round up and never wrap" {
    const wishes = [_]f64{ 4, 4.001, 0.7 / 0.1, 0, 0.01, 1e300, -1e300, std.math.nan(f64), std.math.inf(f64) };
    const most = std.math.maxInt(u32);
    const counts = [_]u32{ 4, 5, 7, 0, 1, most, 0, 0, most };
    for (wishes, counts) |wish, count| try expectEqual(count, trimtab.replicas(wish));
}

test "samples are summed up" {
    const samples: trimtab.Samples = .{ .times_ms = &.{ 1000, 2000, 3000, 5000 }, .values = &.{ 10, 30, 5, 25 } };
    try expectEqual(@as(f64, 25), samples.latest());
    try expectEqual(@as(f64, 17.5), samples.mean());
    try expectEqual(@as(f64, 5), samples.min());
    try expectEqual(@as(f64, 30), samples.max());
    // Up by 20, a restart from zero to 5, up by 20, in four seconds.
    try expectEqual(@as(?f64, 11.25), samples.rate());
    try expectEqual(@as(usize, 2), samples.since(3000).?.values.len);
    try expect(samples.since(5001) == null);
    try expect(samples.since(5000).?.rate() == null);
}

test "rows of texts and of named owners are found" {
    var scene = rehearsal.Scene.replicas(0);
    const none = std.math.maxInt(u32);
    scene.wire.readings = .{
        .needs = .of(&.{ 0, 0, 0 }),
        .owners = .of(&.{ none, none, none }),
        .freshness = .of(&.{ 16, 1, 0 }),
        .firsts = .of(&.{ 0, 0, 9 }),
        .counts = .of(&.{ 2, 1, 3 }),
        .times_ms = .of(&.{1}),
        .values = .of(&.{7}),
        .text_times_ms = .of(&.{ 1, 2 }),
        .texts = .of(&.{ .of("red"), .of("green") }),
        .owner_names = .of(&.{ .{ .f0 = 1, .f1 = .of("mails") }, .{ .f0 = 2, .f1 = .of("beyond") } }),
        .attrs = .empty,
    };
    var needs: trimtab.Needs = .{};
    _ = needs.reading("state", .queue);
    const snapshot: trimtab.Snapshot = .{ .wire = &scene.wire, .needs = needs.list.items };
    const reading = snapshot.readingOf(.queue, "state");
    try reads("green", reading.freshText().?);
    // A row of texts has no numbers; what lies beyond the columns, or is not asked for, is absent.
    try reads("absent", reading.samples().word());
    try expectEqual(@as(f64, 7), reading.of("mails").stale.latest());
    try reads("absent", reading.of("beyond").word());
    try reads("absent", reading.of("nobody").word());
    try reads("absent", snapshot.reading("other").samples().word());
    try reads("absent", snapshot.readingOf(.pool, "state").samples().word());
}

test "a zone has the offset of its time" {
    var scene = rehearsal.Scene.replicas(0);
    scene.wire.transitions = .of(&.{.{
        .zone = .of("Europe/Vienna"),
        .at_ms = .of(&.{ 100, 200 }),
        .offsets_seconds = .of(&.{ 3600, 7200 }),
        .attrs = .empty,
    }});
    const snapshot: trimtab.Snapshot = .{ .wire = &scene.wire, .needs = &.{} };
    try expectEqual(@as(?i32, 3600), snapshot.offsetSeconds("Europe/Vienna", 199));
    try expectEqual(@as(?i32, 7200), snapshot.offsetSeconds("Europe/Vienna", 200));
    try expectEqual(@as(?i32, null), snapshot.offsetSeconds("Europe/Vienna", 99));
    try expectEqual(@as(?i32, null), snapshot.offsetSeconds("Asia/Tokyo", 199));
}

test "parameters are declared as they are written" {
    const manifest = guest.describe(all_there_is);
    const parameters = manifest.parameters.slice();
    const kinds = [_][]const u8{ "text", "bool", "s64", "duration", "list<text>", "list<f64>", "list<duration>", "json" };
    for (kinds, parameters) |kind, parameter| try reads(kind, parameter.kind.slice());
    try expect(parameters[0].required and !parameters[1].required and !parameters[5].required);
    try expectEqual(@as(i64, -3), parameters[2].default.payload.int);
    try expectEqual(@as(?f64, -5), parameters[2].min.get());
    try reads("b", parameters[4].default.payload.texts.slice()[1].slice());
    try expectEqual(@as(u32, 4), manifest.memory_format);
}

test "values of another type or number are refused" {
    const few = guest.needs(all_there_is, &.{});
    try reads("0 values came for 8 parameters", few.payload.err.text.slice());
    const whole: wire.ParamValue = .{ .tag = .int, .payload = .{ .int = 1 } };
    const other = guest.needs(all_there_is, &.{ whole, whole, whole, whole, whole, whole, whole, whole });
    try expect(other.is_err);
    try reads("`queue` is not of type text", other.payload.err.text.slice());
    try reads("parameter-wrong", other.payload.err.kind.slice());
}

test "all kinds of proposal cross, and memory is carried over" {
    var bench: rehearsal.Bench(all_there_is) = .{};
    bench.set("queue", @as([]const u8, "mails"));
    bench.set("spans", @as([]const trimtab.Duration, &.{.{ .ms = 5 }}));
    var scene = rehearsal.Scene.replicas(2);
    scene.give("depth", &.{ 0, 30 });
    bench.play(&scene);
    try bench.refuses("not-applicable");
    scene.wire.target.labels = .of(&.{.{ .f0 = .of("tier"), .f1 = .of("gold") }});
    bench.play(&scene);
    try bench.says("call 1, step -3");
    bench.play(&scene);
    try bench.says("call 2, step -3");
    try bench.says("rate 2");
    const list = bench.answer.verdict.payload.proposals.slice();
    try expectEqual(@as(?u32, 2), list[0].at_least.get());
    try expectEqual(@as(?u32, 9), list[1].at_most.get());
    try expectEqual(@as(?u64, 1024), list[2].resources.slice()[0].requests.memory_bytes.get());
    try reads("i-0", list[3].instances.slice()[0].slice());
    try reads("gold", bench.answer.attrs.slice()[0].f1.payload.text.slice());
}
