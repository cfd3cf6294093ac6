//! Sentences, and numbers for people.

const builtin = @import("builtin");
const std = @import("std");

const wire = @import("bindings/contract.zig");

/// Digits of the greatest 64-bit number.
const digits_max = 20;
/// From here on not every whole number has a float of its own.
const exact_below = 9.0e15;

/// Memory that lives until the call ends; there is nothing to free. Without room the policy stops, which the host reports.
pub fn allocate(comptime T: type, count: usize) []T {
    if (builtin.cpu.arch == .wasm32) return @import("guest.zig").allocate(T, count);
    return std.heap.page_allocator.alloc(T, count) catch @panic("out of memory");
}

/// A list that grows.
pub fn Grown(comptime T: type) type {
    return struct {
        items: []T = &.{},
        room: []T = &.{},

        const Self = @This();

        /// Room for one item more, which is not set yet.
        pub fn add(list: *Self) *T {
            const len = list.items.len;
            if (len == list.room.len) {
                const more = allocate(T, if (len == 0) 4 else 2 * len);
                for (list.items, more[0..len]) |item, *place| place.* = item;
                list.room = more;
            }
            list.items = list.room[0 .. len + 1];
            return &list.items[len];
        }

        pub fn push(list: *Self, item: T) void {
            list.add().* = item;
        }
    };
}

/// Whether two texts have the same bytes.
pub fn same(one: []const u8, other: []const u8) bool {
    if (one.len != other.len) return false;
    for (one, other) |a, b| if (a != b) return false;
    return true;
}

/// A list of texts as it crosses.
pub fn crossing(texts: []const []const u8) wire.List(wire.String) {
    const list = allocate(wire.String, texts.len);
    for (texts, list) |text, *place| place.* = .of(text);
    return .of(list);
}

/// One text of several parts, which are texts or whole numbers: `join(.{ name, " is ", figure(load), " of ", count })`.
pub fn join(parts: anytype) []const u8 {
    var texts: [parts.len][]const u8 = undefined;
    var bytes: usize = 0;
    inline for (parts, 0..) |part, i| {
        texts[i] = switch (@typeInfo(@TypeOf(part))) {
            .int, .comptime_int => whole(part < 0, @abs(part)),
            else => part,
        };
        bytes += texts[i].len;
    }
    const all = allocate(u8, bytes);
    var end: usize = 0;
    for (texts) |text| {
        @memcpy(all[end..][0..text.len], text);
        end += text.len;
    }
    return all;
}

const Writer = struct {
    bytes: []u8,
    len: usize = 0,

    fn byte(writer: *Writer, one: u8) void {
        writer.bytes[writer.len] = one;
        writer.len += 1;
    }

    /// A number's digits, at least so many of them.
    fn digits(writer: *Writer, number: u64, least: usize) void {
        var reversed: [digits_max]u8 = undefined;
        var count: usize = 0;
        var rest = number;
        while (rest > 0 or count < least) : (rest /= 10) {
            reversed[count] = '0' + @as(u8, @intCast(rest % 10));
            count += 1;
        }
        while (count > 0) {
            count -= 1;
            writer.byte(reversed[count]);
        }
    }

    fn done(writer: *const Writer) []const u8 {
        return writer.bytes[0..writer.len];
    }
};

fn whole(negative: bool, magnitude: u64) []const u8 {
    var writer: Writer = .{ .bytes = allocate(u8, 1 + digits_max) };
    if (negative) writer.byte('-');
    writer.digits(magnitude, 1);
    return writer.done();
}

/// A measurement with at most three decimals: 412.5, 0.667, -3; 1.2e19 beyond 9e15, nan, inf.
pub fn figure(value: f64) []const u8 {
    if (value != value) return "nan";
    const magnitude = @abs(value);
    if (magnitude > 1.7976931348623157e308) return if (value < 0) "-inf" else "inf";
    // A sign, the digits, a point and three more.
    var writer: Writer = .{ .bytes = allocate(u8, 1 + digits_max + 4) };
    if (value < 0 and magnitude >= 0.0005) writer.byte('-');
    if (magnitude >= exact_below) {
        powerOfTen(&writer, magnitude);
        return writer.done();
    }
    // Whole and thousandths apart: the product of all of it by a thousand would leave the range of exact integers.
    const part: u64 = @intFromFloat(magnitude);
    const thousandths: u64 = @intFromFloat((magnitude - @as(f64, @floatFromInt(part))) * 1000.0 + 0.5);
    writer.digits(part + thousandths / 1000, 1);
    if (thousandths % 1000 == 0) return writer.done();
    writer.byte('.');
    writer.digits(thousandths % 1000, 3);
    while (writer.bytes[writer.len - 1] == '0') writer.len -= 1;
    return writer.done();
}

fn powerOfTen(writer: *Writer, value: f64) void {
    var magnitude = value;
    var exponent: u64 = 1;
    while (magnitude >= 100.0) : (exponent += 1) magnitude /= 10.0;
    const digits: u64 = @intFromFloat(magnitude);
    writer.digits(digits / 10, 1);
    writer.byte('.');
    writer.digits(digits % 10, 1);
    writer.byte('e');
    writer.digits(exponent, 1);
}

/// The count of replicas for a wish in fractions of replicas: rounded up, after a billionth part is forgiven, since 1.1 / 0.1 is
/// 11.000000000000002; at least 0, at most 2^32 - 1; 0 for not-a-number.
pub fn replicas(wish: f64) u32 {
    if (!(wish > 0)) return 0;
    // Beyond any count, yet finite: the forgiven part of an infinite wish would make it no number.
    const bounded = @min(wish, 1e12);
    const count = @ceil(bounded - @max(bounded, 1.0) * 1e-9);
    if (!(count > 0)) return 0;
    return if (count >= 4294967295.0) 4294967295 else @intFromFloat(count);
}
