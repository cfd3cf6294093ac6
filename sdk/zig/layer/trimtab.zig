//! What a policy in Zig is written against: parameters declared once, readings that are honest about what is not known, proposals
//! with their reasons. The contract itself is `wire`, and `snapshot.wire` shows all of what crossed.
//!
//!     pub const about: trimtab.About = .{ .name = "work-off", .version = "0.1.0", .summary = "…", .kinds = &.{"scale"} };
//!     pub const Parameters = struct { each: trimtab.Standard(f64, 10, "Jobs per replica.", .{ .min = 0.1 }) };
//!     pub fn needs(parameters: *const Parameters, list: *trimtab.Needs) trimtab.Refused!void { … }
//!     pub fn evaluate(snapshot: *const trimtab.Snapshot, parameters: *const Parameters, answer: *trimtab.Answer) trimtab.Refused!void { … }
//!     comptime { trimtab.exportPolicy(@This()); }

const builtin = @import("builtin");

const answers = @import("answer.zig");
const given = @import("parameters.zig");
const guest = @import("guest.zig");
const moment = @import("snapshot.zig");
const texts = @import("text.zig");

/// The contract's types, made from `wit/v1/policy.wit`.
pub const wire = @import("bindings/contract.zig");

pub const Standard = given.Standard;
pub const Optional = given.Optional;
pub const Required = given.Required;
pub const Duration = given.Duration;
pub const Json = given.Json;

pub const Needs = answers.Needs;
pub const Subject = answers.Subject;
pub const Refused = answers.Refused;
pub const RefusalKind = answers.RefusalKind;
pub const Answer = answers.Answer;

pub const Snapshot = moment.Snapshot;
pub const Reading = moment.Reading;
pub const Fact = moment.Fact;
pub const Samples = moment.Samples;

pub const figure = texts.figure;
pub const replicas = texts.replicas;
pub const join = texts.join;
pub const same = texts.same;
pub const allocate = texts.allocate;

/// What a policy says of itself.
pub const About = struct {
    /// Lower-case letters, digits and `-`.
    name: []const u8,
    /// Semantic version of the policy.
    version: []const u8,
    /// One sentence.
    summary: []const u8,
    /// Kinds of proposal that it may make; to hold needs no mention.
    kinds: []const []const u8,
    /// Most bytes that it keeps from one evaluation to the next; 0 for none.
    memory_bytes: u32 = 0,
    /// Number of the format of these bytes.
    memory_format: u32 = 0,
};

/// Makes a policy's functions visible to the host; nothing, where it is compiled natively for its tests.
pub fn exportPolicy(comptime Policy: type) void {
    if (builtin.cpu.arch == .wasm32) guest.exportPolicy(Policy);
}
