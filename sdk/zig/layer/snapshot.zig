//! The facts of one moment: readings by name, honest about what is stale or absent. What is not known is never a zero.

const answers = @import("answer.zig");
const texts = @import("text.zig");
const wire = @import("bindings/contract.zig");

/// Added to the freshness of a row whose samples are texts.
const of_texts: u8 = 16;

/// All that a policy knows. There is no other clock, no file and no network.
pub const Snapshot = struct {
    /// The record that crossed: target, limits, in_flight, instances, nodes, alerts, changes, transitions, memory.
    wire: *const wire.Snapshot,
    needs: []const wire.Need,

    /// The time of this moment, in milliseconds since the Unix epoch.
    pub fn nowMs(snapshot: *const Snapshot) u64 {
        return snapshot.wire.now_ms;
    }

    /// The count last asked of the backend: the base for any new count.
    pub fn desired(snapshot: *const Snapshot) u32 {
        return snapshot.wire.target.desired;
    }

    pub fn instances(snapshot: *const Snapshot) []const wire.Instance {
        return snapshot.wire.instances.slice();
    }

    /// What this policy remembered last time.
    pub fn memory(snapshot: *const Snapshot) []const u8 {
        return snapshot.wire.memory.slice();
    }

    /// A label that a need asked for, if the target has it.
    pub fn label(snapshot: *const Snapshot, name: []const u8) ?[]const u8 {
        for (snapshot.wire.target.labels.slice()) |pair| {
            if (texts.same(pair.f0.slice(), name)) return pair.f1.slice();
        }
        return null;
    }

    /// Seconds east of UTC in a zone that a need asked for, if that is known at that time.
    pub fn offsetSeconds(snapshot: *const Snapshot, zone: []const u8, at_ms: u64) ?i32 {
        for (snapshot.wire.transitions.slice()) |one| {
            if (!texts.same(one.zone.slice(), zone)) continue;
            var found: ?i32 = null;
            for (one.at_ms.slice(), 0..) |from_ms, i| {
                if (from_ms <= at_ms and i < one.offsets_seconds.len) found = one.offsets_seconds.slice()[i];
            }
            return found;
        }
        return null;
    }

    /// The reading of that name that a need asked for; of none, everything is absent.
    pub fn reading(snapshot: *const Snapshot, name: []const u8) Reading {
        return snapshot.find(null, name);
    }

    /// The same, where needs ask for one name of several subjects.
    pub fn readingOf(snapshot: *const Snapshot, subject: answers.Subject, name: []const u8) Reading {
        return snapshot.find(@tagName(subject), name);
    }

    fn find(snapshot: *const Snapshot, subject: ?[]const u8, name: []const u8) Reading {
        const columns = &snapshot.wire.readings;
        for (snapshot.needs, 0..) |need, i| {
            const meant = if (subject) |word| texts.same(need.subject.slice(), word) else need.subject.len > 0;
            if (!meant or !texts.same(need.name.slice(), name)) continue;
            const first = firstAtLeast(columns.needs.slice(), 0, columns.needs.len, @intCast(i));
            const end = firstAtLeast(columns.needs.slice(), first, columns.needs.len, @intCast(i + 1));
            return .{ .columns = columns, .name = name, .first = first, .end = end };
        }
        return .{ .columns = columns, .name = name, .first = 0, .end = 0 };
    }
};

/// What is known of something measured. There is no way to its samples that passes by the question how good they are.
pub const Fact = union(enum) {
    /// Known, and young enough to act on.
    fresh: Samples,
    /// Known once, too old to act on.
    stale: Samples,
    /// Not known. Never zero.
    absent,

    /// `fresh`, `stale` or `absent`.
    pub fn word(fact: Fact) []const u8 {
        return @tagName(fact);
    }
};

/// One reading of the binding, whosever it is.
pub const Reading = struct {
    columns: *const wire.Readings,
    name: []const u8,
    first: usize,
    end: usize,

    /// The target's own; of another subject's, that of its first owner.
    pub fn samples(reading: *const Reading) Fact {
        return reading.atRow(reading.first);
    }

    /// The target's own, where the policy cannot answer without it: else refuses as `reading-missing`.
    pub fn demand(reading: *const Reading, answer: *answers.Answer) answers.Refused!Samples {
        const fact = reading.samples();
        return switch (fact) {
            .fresh => |known| known,
            else => answer.refuse(.reading_missing, texts.join(.{ "reading `", reading.name, "` is ", fact.word() })),
        };
    }

    /// That of the instance or node at an index of the snapshot's list.
    pub fn at(reading: *const Reading, index: usize) Fact {
        const owners = reading.columns.owners.slice();
        const row = firstAtLeast(owners, reading.first, @min(reading.end, owners.len), @intCast(index));
        if (row >= reading.end or row >= owners.len or owners[row] != index) return .absent;
        return reading.atRow(row);
    }

    /// That of a container, pool, balancer or queue.
    pub fn of(reading: *const Reading, owner: []const u8) Fact {
        for (reading.columns.owner_names.slice()) |pair| {
            if (pair.f0 >= reading.first and pair.f0 < reading.end and texts.same(pair.f1.slice(), owner)) {
                return reading.atRow(pair.f0);
            }
        }
        return .absent;
    }

    /// The latest text of the target's own reading of texts, if it is fresh: a state to compare.
    pub fn freshText(reading: *const Reading) ?[]const u8 {
        const all = reading.columns.texts.slice();
        const row = reading.extent(reading.first, of_texts, all.len) orelse return null;
        return if (row.freshness == 0) all[row.end - 1].slice() else null;
    }

    const Extent = struct { freshness: u8, first: usize, end: usize };

    /// Where the samples of a row of that form lie; `null` if it has none, or is of a freshness that this version does not know.
    fn extent(reading: *const Reading, row: usize, form: u8, available: usize) ?Extent {
        const columns = reading.columns;
        if (row < reading.first or row >= reading.end) return null;
        if (row >= columns.freshness.len or row >= columns.firsts.len or row >= columns.counts.len) return null;
        const freshness = columns.freshness.slice()[row];
        if (freshness & of_texts != form or freshness & ~of_texts > 1) return null;
        const first: usize = columns.firsts.slice()[row];
        const count: usize = columns.counts.slice()[row];
        if (count == 0 or first > available or count > available - first) return null;
        return .{ .freshness = freshness & ~of_texts, .first = first, .end = first + count };
    }

    fn atRow(reading: *const Reading, row: usize) Fact {
        const columns = reading.columns;
        const found = reading.extent(row, 0, @min(columns.values.len, columns.times_ms.len)) orelse return .absent;
        const known: Samples = .{
            .times_ms = columns.times_ms.slice()[found.first..found.end],
            .values = columns.values.slice()[found.first..found.end],
        };
        return if (found.freshness == 0) .{ .fresh = known } else .{ .stale = known };
    }
};

/// Numeric samples of one series, oldest first; never empty.
pub const Samples = struct {
    /// Milliseconds since the Unix epoch.
    times_ms: []const u64,
    values: []const f64,

    pub fn latest(samples: Samples) f64 {
        return samples.values[samples.values.len - 1];
    }

    pub fn latestMs(samples: Samples) u64 {
        return samples.times_ms[samples.times_ms.len - 1];
    }

    pub fn mean(samples: Samples) f64 {
        var sum: f64 = 0;
        for (samples.values) |value| sum += value;
        return sum / @as(f64, @floatFromInt(samples.values.len));
    }

    pub fn min(samples: Samples) f64 {
        var least = samples.latest();
        for (samples.values) |value| least = @min(least, value);
        return least;
    }

    pub fn max(samples: Samples) f64 {
        var greatest = samples.latest();
        for (samples.values) |value| greatest = @max(greatest, value);
        return greatest;
    }

    /// Those taken at that time or later, if there are any.
    pub fn since(samples: Samples, from_ms: u64) ?Samples {
        var first = samples.times_ms.len;
        while (first > 0 and samples.times_ms[first - 1] >= from_ms) first -= 1;
        if (first == samples.times_ms.len) return null;
        return .{ .times_ms = samples.times_ms[first..], .values = samples.values[first..] };
    }

    /// For a counter: growth per second; a fall is its restart from zero. `null` unless the samples span some time.
    pub fn rate(samples: Samples) ?f64 {
        const from_ms = samples.times_ms[0];
        if (samples.latestMs() <= from_ms) return null;
        var growth: f64 = 0;
        for (samples.values[0 .. samples.values.len - 1], samples.values[1..]) |before, after| {
            growth += if (after < before) after else after - before;
        }
        return growth / (@as(f64, @floatFromInt(samples.latestMs() - from_ms)) / 1000.0);
    }
};

/// The first row from `first` on whose number in a sorted column is at least `number`.
fn firstAtLeast(column: []const u32, first: usize, end: usize, number: u32) usize {
    var low = first;
    var high = end;
    while (low < high) {
        const middle = low + (high - low) / 2;
        if (column[middle] < number) low = middle + 1 else high = middle;
    }
    return low;
}
