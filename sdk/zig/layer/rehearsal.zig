//! A bench to play a policy on natively: scenes in, answers out, memory carried over. What the policy sees of a scene is what its
//! needs ask for, in the columns in which the host sends it; parameters are filled in and checked as a binding's are.
//!
//!     var bench: rehearsal.Bench(policy) = .{};
//!     bench.set("target", @as(f64, 100));
//!     var scene = rehearsal.Scene.replicas(2);
//!     scene.give("requests_per_second", &.{412});
//!     bench.play(&scene);
//!     try bench.scalesTo(5);

const std = @import("std");

const given = @import("parameters.zig");
const guest = @import("guest.zig");
const texts = @import("text.zig");
const wire = @import("bindings/contract.zig");

/// The time of a new scene: 2026-11-22, 12:00 UTC.
pub const noon_ms: u64 = 1_795_348_800_000;
/// The distance of a scene's samples; the last of them is taken now.
pub const step_ms: u64 = 15_000;

const nobodys = std.math.maxInt(u32);

const Given = struct {
    name: []const u8,
    /// The instance's index, or `nobodys` for the target's own.
    owner: u32,
    fresh: bool,
    values: []const f64,
};

/// One moment of one target, put together by hand. What is not given is absent, not zero. Whatever else is to be in it goes into
/// `wire`: labels, nodes, alerts, changes, the change in flight.
pub const Scene = struct {
    wire: wire.Snapshot,
    given: texts.Grown(Given) = .{},

    /// So many replicas `i-0`, `i-1` …, all ready, at noon; bounds of 0 to 1000.
    pub fn replicas(count: u32) Scene {
        const instances = texts.allocate(wire.Instance, count);
        for (instances, 0..) |*one, i| {
            const id: wire.String = .of(texts.join(.{ "i-", i }));
            one.* = .{
                .id = id,
                .name = id,
                .node = .none,
                .phase = 3,
                .started_ms = .none,
                .restarts = 0,
                .requests = unknown,
                .limits = unknown,
                .usage = unknown,
                .protected = false,
                .attrs = .empty,
            };
        }
        return .{ .wire = .{
            .now_ms = noon_ms,
            .target = target(count),
            .in_flight = .none,
            .instances = .of(instances),
            .nodes = .empty,
            .readings = no_readings,
            .alerts = .empty,
            .changes = .empty,
            .transitions = .empty,
            .params = .empty,
            .memory = .empty,
            .attrs = .empty,
        } };
    }

    /// A fresh reading of the target, oldest sample first.
    pub fn give(scene: *Scene, name: []const u8, values: []const f64) void {
        scene.given.push(.{ .name = name, .owner = nobodys, .fresh = true, .values = values });
    }

    /// One that is too old to act on.
    pub fn giveStale(scene: *Scene, name: []const u8, values: []const f64) void {
        scene.given.push(.{ .name = name, .owner = nobodys, .fresh = false, .values = values });
    }

    /// A fresh one of the instance with that index.
    pub fn giveOf(scene: *Scene, index: u32, name: []const u8, values: []const f64) void {
        scene.given.push(.{ .name = name, .owner = index, .fresh = true, .values = values });
    }

    /// What a policy with these needs sees of it.
    fn project(scene: *const Scene, needs: []const wire.Need) wire.Snapshot {
        var columns: Columns = .{ .now_ms = scene.wire.now_ms };
        for (needs, 0..) |need, i| {
            if (!texts.same(need.kind.slice(), "reading")) continue;
            if (texts.same(need.subject.slice(), "target")) columns.row(scene, i, &need, nobodys);
            if (!texts.same(need.subject.slice(), "instance")) continue;
            for (0..scene.wire.instances.len) |one| columns.row(scene, i, &need, @intCast(one));
        }
        var snapshot = scene.wire;
        snapshot.readings = columns.crossing();
        if (!asks(needs, "instances", null) and !asks(needs, "reading", "instance")) snapshot.instances = .empty;
        if (!asks(needs, "nodes", null) and !asks(needs, "reading", "node")) snapshot.nodes = .empty;
        if (!asks(needs, "label", null)) snapshot.target.labels = .empty;
        if (!asks(needs, "alerts", null)) snapshot.alerts = .empty;
        if (!asks(needs, "changes", null)) snapshot.changes = .empty;
        if (!asks(needs, "transitions", null)) snapshot.transitions = .empty;
        return snapshot;
    }
};

const unknown: wire.Resources = .{ .cpu_millis = .none, .memory_bytes = .none };

fn target(count: u32) wire.Target {
    const kinds = [_][]const u8{ "scale", "resize", "restart", "replace", "remove", "start", "redeploy" };
    return .{
        .id = .of("rehearsal/web"),
        .backend = .of("rehearsal"),
        .kind = .of("process-group"),
        .zones = .empty,
        .labels = .empty,
        .desired = count,
        .total = count,
        .ready = count,
        .containers = .empty,
        .abilities = .{ .victims = 2, .resize = 1, .kinds = texts.crossing(&kinds), .sizes = .empty, .attrs = .empty },
        .limits = .{ .replicas_min = 0, .replicas_max = 1000, .least = unknown, .most = unknown, .attrs = .empty },
        .attrs = .empty,
    };
}

const no_readings: wire.Readings = .{
    .needs = .empty,
    .owners = .empty,
    .freshness = .empty,
    .firsts = .empty,
    .counts = .empty,
    .times_ms = .empty,
    .values = .empty,
    .text_times_ms = .empty,
    .texts = .empty,
    .owner_names = .empty,
    .attrs = .empty,
};

fn asks(needs: []const wire.Need, kind: []const u8, subject: ?[]const u8) bool {
    for (needs) |need| {
        const meant = if (subject) |word| texts.same(need.subject.slice(), word) else true;
        if (meant and texts.same(need.kind.slice(), kind)) return true;
    }
    return false;
}

const Columns = struct {
    now_ms: u64,
    needs: texts.Grown(u32) = .{},
    owners: texts.Grown(u32) = .{},
    freshness: texts.Grown(u8) = .{},
    firsts: texts.Grown(u32) = .{},
    counts: texts.Grown(u32) = .{},
    times_ms: texts.Grown(u64) = .{},
    values: texts.Grown(f64) = .{},

    /// Adds a row, with the samples within the look-back, and the latest in any case.
    fn row(columns: *Columns, scene: *const Scene, index: usize, need: *const wire.Need, owner: u32) void {
        var found: ?Given = null;
        for (scene.given.items) |one| {
            if (one.owner == owner and one.values.len > 0 and texts.same(one.name, need.name.slice())) found = one;
        }
        const all: []const f64 = if (found) |one| one.values else &.{};
        const samples = all[all.len - @min(all.len, need.look_back_ms / step_ms + 1) ..];
        columns.needs.push(@intCast(index));
        columns.owners.push(owner);
        columns.freshness.push(if (found) |one| @intFromBool(!one.fresh) else 2);
        columns.firsts.push(@intCast(columns.values.items.len));
        columns.counts.push(@intCast(samples.len));
        for (samples, 1..) |value, position| {
            columns.times_ms.push(columns.now_ms - (samples.len - position) * step_ms);
            columns.values.push(value);
        }
    }

    fn crossing(columns: *const Columns) wire.Readings {
        var readings = no_readings;
        readings.needs = .of(columns.needs.items);
        readings.owners = .of(columns.owners.items);
        readings.freshness = .of(columns.freshness.items);
        readings.firsts = .of(columns.firsts.items);
        readings.counts = .of(columns.counts.items);
        readings.times_ms = .of(columns.times_ms.items);
        readings.values = .of(columns.values.items);
        return readings;
    }
};

/// Plays one policy for one target, evaluation after evaluation.
pub fn Bench(comptime Policy: type) type {
    return struct {
        settings: texts.Grown(Setting) = .{},
        memory: []const u8 = &.{},
        /// What came of the last scene.
        answer: wire.Answer = undefined,

        const Self = @This();
        const Setting = struct { name: []const u8, value: wire.ParamValue };

        /// Gives a parameter, as an operator does in a binding; its type is that of the declaration: `@as(f64, 100)`.
        pub fn set(bench: *Self, name: []const u8, value: anytype) void {
            const T = @TypeOf(value);
            bench.settings.push(.{ .name = name, .value = given.crossing(T, value) });
        }

        /// Plays one moment. Panics where the host would refuse the parameters, or call the answer a fault.
        pub fn play(bench: *Self, scene: *const Scene) void {
            const values = bench.valuesGiven();
            const needed = guest.needs(Policy, values);
            if (needed.is_err) {
                bench.answer = @import("answer.zig").refused(needed.payload.err);
                return;
            }
            var snapshot = scene.project(needed.payload.ok.slice());
            snapshot.params = .of(values);
            snapshot.memory = .of(bench.memory);
            bench.answer = guest.evaluate(Policy, &snapshot);
            if (bench.answer.memory.get()) |kept| {
                if (kept.len > Policy.about.memory_bytes) @panic("it remembers more bytes than its manifest allows");
                bench.memory = kept.slice();
            }
            if (bench.answer.verdict.tag != .proposals) return;
            for (bench.answer.verdict.payload.proposals.slice()) |one| checkKind(one.kind.slice());
        }

        fn checkKind(kind: []const u8) void {
            if (texts.same(kind, "hold")) return;
            for (Policy.about.kinds) |declared| if (texts.same(declared, kind)) return;
            @panic("it proposes a kind that its manifest does not declare");
        }

        fn valuesGiven(bench: *const Self) []const wire.ParamValue {
            const parameters = given.declared(Policy.Parameters);
            const values = texts.allocate(wire.ParamValue, parameters.len);
            var used: usize = 0;
            for (parameters, values) |*parameter, *value| {
                var found = false;
                for (bench.settings.items) |setting| {
                    if (!texts.same(setting.name, parameter.name.slice())) continue;
                    check(parameter, &setting.value);
                    value.* = setting.value;
                    used += 1;
                    found = true;
                }
                if (found) continue;
                if (parameter.required) @panic("a parameter is required and not given");
                value.* = parameter.default;
            }
            if (used != bench.settings.items.len) @panic("a parameter is given that the manifest does not have");
            return values;
        }

        fn check(parameter: *const wire.Parameter, value: *const wire.ParamValue) void {
            const number: f64 = switch (value.tag) {
                .int => @floatFromInt(value.payload.int),
                .num => value.payload.num,
                .duration_ms => @floatFromInt(value.payload.duration_ms),
                .text => {
                    if (parameter.choices.len == 0) return;
                    for (parameter.choices.slice()) |choice| {
                        if (texts.same(choice.slice(), value.payload.text.slice())) return;
                    }
                    @panic("the host would refuse a parameter: it is not among the choices");
                },
                else => return,
            };
            if (parameter.min.get()) |least| if (number < least) @panic("the host would refuse a parameter: it is below its least");
            if (parameter.max.get()) |most| if (number > most) @panic("the host would refuse a parameter: it is above its greatest");
        }

        pub fn scalesTo(bench: *const Self, count: u32) !void {
            const one = try bench.only();
            try std.testing.expectEqualStrings("scale", one.kind.slice());
            try std.testing.expectEqual(@as(?u32, count), one.count.get());
        }

        pub fn holds(bench: *const Self) !void {
            try std.testing.expectEqualStrings("hold", (try bench.only()).kind.slice());
        }

        /// `reading-missing`, `parameter-wrong`, `not-applicable`, or another word.
        pub fn refuses(bench: *const Self, kind: []const u8) !void {
            if (bench.answer.verdict.tag != .refused) return error.ItDoesNotRefuse;
            try std.testing.expectEqualStrings(kind, bench.answer.verdict.payload.refused.kind.slice());
        }

        /// That a reason, a refusal or a note has these words.
        pub fn says(bench: *const Self, words: []const u8) !void {
            for (bench.answer.notes.slice()) |note| if (contains(note, words)) return;
            switch (bench.answer.verdict.tag) {
                .proposals => for (bench.answer.verdict.payload.proposals.slice()) |one| if (contains(one.reason, words)) return,
                .refused => if (contains(bench.answer.verdict.payload.refused.text, words)) return,
            }
            return error.ItDoesNotSaySo;
        }

        fn only(bench: *const Self) !wire.Proposal {
            if (bench.answer.verdict.tag != .proposals) return error.ItRefuses;
            const proposals = bench.answer.verdict.payload.proposals.slice();
            if (proposals.len != 1) return error.NotOneProposal;
            return proposals[0];
        }
    };
}

fn contains(text: wire.String, words: []const u8) bool {
    return std.mem.indexOf(u8, text.slice(), words) != null;
}
