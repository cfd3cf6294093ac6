//! What the operator sets, declared once: a struct whose fields are of the types below.
//!
//! | type of the value | in the manifest |
//! |---|---|
//! | `bool` | `bool` |
//! | `i64` | `s64` |
//! | `f64` | `f64` |
//! | `[]const u8` | `text` |
//! | `Duration` | `duration` |
//! | a slice of one of these | `list<…>` |
//! | `Json` | `json` |

const texts = @import("text.zig");
const wire = @import("bindings/contract.zig");

/// A span of time, in milliseconds.
pub const Duration = extern struct { ms: u64 };

/// JSON text, checked by the host against the parameter's schema.
pub const Json = struct { text: []const u8 };

/// What may be said beside kind, default and doc.
pub const Rules = struct {
    /// Least and greatest number, milliseconds for durations; for lists, of each item.
    min: ?f64 = null,
    max: ?f64 = null,
    /// The texts allowed; none allows any.
    choices: []const []const u8 = &.{},
    /// A JSON Schema that a `Json` fits.
    schema: []const u8 = "",
};

/// A parameter with a default.
pub fn Standard(comptime T: type, comptime default: T, comptime about: []const u8, comptime more: Rules) type {
    return struct {
        value: T,

        pub const Value = T;
        pub const doc = about;
        pub const rules = more;
        pub const required = false;
        pub const optional = false;

        pub fn standard() wire.ParamValue {
            return crossing(T, default);
        }
    };
}

/// A parameter that may be left out: its value is `null` then.
pub fn Optional(comptime T: type, comptime about: []const u8, comptime more: Rules) type {
    return struct {
        value: ?T,

        pub const Value = T;
        pub const doc = about;
        pub const rules = more;
        pub const required = false;
        pub const optional = true;

        pub fn standard() wire.ParamValue {
            return .{ .tag = .unset, .payload = undefined };
        }
    };
}

/// A parameter without which a binding is refused.
pub fn Required(comptime T: type, comptime about: []const u8, comptime more: Rules) type {
    return struct {
        value: T,

        pub const Value = T;
        pub const doc = about;
        pub const rules = more;
        pub const required = true;
        pub const optional = false;

        pub fn standard() wire.ParamValue {
            return .{ .tag = .unset, .payload = undefined };
        }
    };
}

/// The manifest's name of a type.
pub fn word(comptime T: type) []const u8 {
    return switch (T) {
        bool => "bool",
        i64 => "s64",
        f64 => "f64",
        []const u8 => "text",
        Duration => "duration",
        []const bool => "list<bool>",
        []const i64 => "list<s64>",
        []const f64 => "list<f64>",
        []const []const u8 => "list<text>",
        []const Duration => "list<duration>",
        Json => "json",
        else => @compileError("a parameter cannot be of type " ++ @typeName(T)),
    };
}

/// A value as it crosses.
pub fn crossing(comptime T: type, value: T) wire.ParamValue {
    return switch (T) {
        bool => .{ .tag = .flag, .payload = .{ .flag = value } },
        i64 => .{ .tag = .int, .payload = .{ .int = value } },
        f64 => .{ .tag = .num, .payload = .{ .num = value } },
        []const u8 => .{ .tag = .text, .payload = .{ .text = .of(value) } },
        Duration => .{ .tag = .duration_ms, .payload = .{ .duration_ms = value.ms } },
        []const bool => .{ .tag = .flags, .payload = .{ .flags = .of(value) } },
        []const i64 => .{ .tag = .ints, .payload = .{ .ints = .of(value) } },
        []const f64 => .{ .tag = .nums, .payload = .{ .nums = .of(value) } },
        []const []const u8 => .{ .tag = .texts, .payload = .{ .texts = texts.crossing(value) } },
        []const Duration => .{ .tag = .durations_ms, .payload = .{ .durations_ms = .of(@ptrCast(value)) } },
        Json => .{ .tag = .json, .payload = .{ .json = .of(value.text) } },
        else => @compileError("a parameter cannot be of type " ++ @typeName(T)),
    };
}

/// The value out of what crossed; `null` if that is of another type.
fn taken(comptime T: type, from: *const wire.ParamValue) ?T {
    const tag = comptime crossing_tag(T);
    if (from.tag != tag) return null;
    return switch (T) {
        bool => from.payload.flag,
        i64 => from.payload.int,
        f64 => from.payload.num,
        []const u8 => from.payload.text.slice(),
        Duration => .{ .ms = from.payload.duration_ms },
        []const bool => from.payload.flags.slice(),
        []const i64 => from.payload.ints.slice(),
        []const f64 => from.payload.nums.slice(),
        []const []const u8 => slices(from.payload.texts.slice()),
        []const Duration => @ptrCast(from.payload.durations_ms.slice()),
        Json => .{ .text = from.payload.json.slice() },
        else => unreachable,
    };
}

fn crossing_tag(comptime T: type) @TypeOf(@as(wire.ParamValue, undefined).tag) {
    return switch (T) {
        bool => .flag,
        i64 => .int,
        f64 => .num,
        []const u8 => .text,
        Duration => .duration_ms,
        []const bool => .flags,
        []const i64 => .ints,
        []const f64 => .nums,
        []const []const u8 => .texts,
        []const Duration => .durations_ms,
        Json => .json,
        else => @compileError("a parameter cannot be of type " ++ @typeName(T)),
    };
}

fn slices(strings: []const wire.String) []const []const u8 {
    const list = texts.allocate([]const u8, strings.len);
    for (strings, list) |string, *place| place.* = string.slice();
    return list;
}

/// The manifest's list of a struct of parameters.
pub fn declared(comptime Parameters: type) []const wire.Parameter {
    const names = comptime fieldNames(Parameters);
    const list = texts.allocate(wire.Parameter, names.len);
    inline for (names, 0..) |name, i| {
        const Field = @FieldType(Parameters, name);
        list[i] = .{
            .name = .of(name),
            .kind = .of(comptime word(Field.Value)),
            .default = Field.standard(),
            .required = Field.required,
            .min = if (Field.rules.min) |bound| .some(bound) else .none,
            .max = if (Field.rules.max) |bound| .some(bound) else .none,
            .choices = texts.crossing(Field.rules.choices),
            .schema = .of(Field.rules.schema),
            .doc = .of(Field.doc),
            .attrs = .empty,
        };
    }
    return list;
}

/// Fills the struct from the values in the manifest's order; else says what is wrong.
pub fn take(comptime Parameters: type, values: []const wire.ParamValue, parameters: *Parameters) ?[]const u8 {
    const names = comptime fieldNames(Parameters);
    if (values.len != names.len) return texts.join(.{ values.len, " values came for ", names.len, " parameters" });
    inline for (names, 0..) |name, i| {
        const Field = @FieldType(Parameters, name);
        const field = &@field(parameters, name);
        if (Field.optional and values[i].tag == .unset) {
            if (Field.optional) field.value = null;
        } else if (taken(Field.Value, &values[i])) |value| {
            field.value = value;
        } else {
            return "`" ++ name ++ "` is not of type " ++ comptime word(Field.Value);
        }
    }
    return null;
}

pub fn fieldNames(comptime Parameters: type) []const []const u8 {
    return @import("std").meta.fieldNames(Parameters);
}
