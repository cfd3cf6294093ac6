//! From the contract's three functions to the author's two; and on WebAssembly memory, exports, and the word on how texts are held.

const builtin = @import("builtin");

const answers = @import("answer.zig");
const given = @import("parameters.zig");
const moment = @import("snapshot.zig");
const texts = @import("text.zig");
const wire = @import("bindings/contract.zig");

pub fn describe(comptime Policy: type) wire.Manifest {
    return .{
        .name = .of(Policy.about.name),
        .version = .of(Policy.about.version),
        .summary = .of(Policy.about.summary),
        .parameters = .of(given.declared(Policy.Parameters)),
        .kinds = texts.crossing(Policy.about.kinds),
        .memory_bytes = Policy.about.memory_bytes,
        .memory_format = Policy.about.memory_format,
        .attrs = .empty,
    };
}

pub const Needed = wire.Result(wire.List(wire.Need), wire.Refusal);

pub fn needs(comptime Policy: type, values: []const wire.ParamValue) Needed {
    var parameters: Policy.Parameters = undefined;
    if (given.take(Policy.Parameters, values, &parameters)) |wrong| {
        return .{ .is_err = true, .payload = .{ .err = answers.wrongParameters(wrong) } };
    }
    var list: answers.Needs = .{};
    Policy.needs(&parameters, &list) catch return .{ .is_err = true, .payload = .{ .err = list.refusal } };
    return .{ .is_err = false, .payload = .{ .ok = .of(list.list.items) } };
}

pub fn evaluate(comptime Policy: type, crossed: *const wire.Snapshot) wire.Answer {
    var parameters: Policy.Parameters = undefined;
    if (given.take(Policy.Parameters, crossed.params.slice(), &parameters)) |wrong| {
        return answers.refused(answers.wrongParameters(wrong));
    }
    var list: answers.Needs = .{};
    Policy.needs(&parameters, &list) catch return answers.refused(list.refusal);
    const snapshot: moment.Snapshot = .{ .wire = crossed, .needs = list.list.items };
    var answer: answers.Answer = .{};
    Policy.evaluate(&snapshot, &parameters, &answer) catch return answers.refused(answer.refusal);
    return answer.crossing();
}

// ------------------------------------------------------------------------------------------------------------- WebAssembly

// By this section the host knows how texts are held, and makes the component by itself.
comptime {
    if (builtin.cpu.arch == .wasm32) asm (
        \\.section ".custom_section.trimtab:string-encoding","",@
        \\.ascii "utf8"
        \\.text
    );
}

pub fn exportPolicy(comptime Policy: type) void {
    const doors = struct {
        // Where an answer lies until the host has read it: a static place costs no allocation.
        var manifest: wire.Manifest = undefined;
        var needed: Needed = undefined;
        var answer: wire.Answer = undefined;

        fn describeDoor() callconv(.c) *const wire.Manifest {
            manifest = describe(Policy);
            return &manifest;
        }

        fn needsDoor(values: [*]const wire.ParamValue, count: usize) callconv(.c) *const Needed {
            needed = needs(Policy, wire.List(wire.ParamValue).slice(.{ .ptr = values, .len = count }));
            return &needed;
        }

        fn evaluateDoor(snapshot: *const wire.Snapshot) callconv(.c) *const wire.Answer {
            answer = evaluate(Policy, snapshot);
            return &answer;
        }
    };
    @export(&doors.describeDoor, .{ .name = wire.export_describe });
    @export(&doors.needsDoor, .{ .name = wire.export_needs });
    @export(&doors.evaluateDoor, .{ .name = wire.export_evaluate });
    @export(&afterwards, .{ .name = wire.post_return_describe });
    @export(&afterwards, .{ .name = wire.post_return_needs });
    @export(&afterwards, .{ .name = wire.post_return_evaluate });
    @export(&reallocate, .{ .name = "cabi_realloc" });
}

const page_bytes = 1 << 16;

extern const __heap_base: u8;
/// Memory is handed out from `top` to `end`, and taken back at once when a call is over. 0 before the first.
var top: usize = 0;
var end: usize = 0;

pub fn allocate(comptime T: type, count: usize) []T {
    const bytes = @mulWithOverflow(count, @sizeOf(T));
    if (bytes[1] != 0) @trap();
    const items: [*]T = @ptrFromInt(taken(bytes[0], @alignOf(T)));
    return items[0..count];
}

fn taken(bytes: usize, alignment: usize) usize {
    if (end == 0) {
        top = @intFromPtr(&__heap_base);
        end = @wasmMemorySize(0) * page_bytes;
    }
    const start = (top + alignment - 1) & ~(alignment - 1);
    const next = @addWithOverflow(start, bytes);
    if (next[1] != 0) @trap();
    if (next[0] > end) {
        const pages = (next[0] - end + page_bytes - 1) / page_bytes;
        if (@wasmMemoryGrow(0, pages) < 0) @trap();
        end = @wasmMemorySize(0) * page_bytes;
    }
    top = next[0];
    return start;
}

/// By this the host asks for room for what it passes.
fn reallocate(old: usize, had: usize, alignment: usize, bytes: usize) callconv(.c) usize {
    if (bytes == 0) return alignment;
    const place = taken(bytes, alignment);
    if (had > 0) {
        const from: [*]const u8 = @ptrFromInt(old);
        const to: [*]u8 = @ptrFromInt(place);
        for (from[0..@min(had, bytes)], to) |byte, *to_byte| to_byte.* = byte;
    }
    return place;
}

fn afterwards(_: usize) callconv(.c) void {
    top = @intFromPtr(&__heap_base);
}
