//! What a policy says: which facts it wants, what it proposes and why, or why it declines.

const texts = @import("text.zig");
const wire = @import("bindings/contract.zig");

/// The policy declines; why stands in the list or the answer that it was refused with.
pub const Refused = error{Refused};

pub const RefusalKind = enum {
    reading_missing,
    parameter_wrong,
    not_applicable,

    pub fn word(kind: RefusalKind) []const u8 {
        return switch (kind) {
            .reading_missing => "reading-missing",
            .parameter_wrong => "parameter-wrong",
            .not_applicable => "not-applicable",
        };
    }
};

fn refusal(kind: RefusalKind, text: []const u8) wire.Refusal {
    return .{ .kind = .of(kind.word()), .text = .of(text), .attrs = .empty };
}

/// Whose a reading is.
pub const Subject = enum { target, instance, node, container, pool, balancer, queue };

/// Facts that a policy wants. What is not asked for does not cross.
pub const Needs = struct {
    list: texts.Grown(wire.Need) = .{},
    refusal: wire.Refusal = undefined,

    /// A reading of that name in the binding. The need may be refined: `look_back_ms` (0: the latest sample only), `step_ms`,
    /// `unit`, `required`.
    pub fn reading(needs: *Needs, name: []const u8, subject: Subject) *wire.Need {
        const need = needs.add("reading", name);
        need.subject = .of(@tagName(subject));
        return need;
    }

    pub fn label(needs: *Needs, name: []const u8) *wire.Need {
        return needs.add("label", name);
    }

    pub fn instances(needs: *Needs) *wire.Need {
        return needs.add("instances", "");
    }

    pub fn nodes(needs: *Needs) *wire.Need {
        return needs.add("nodes", "");
    }

    pub fn alerts(needs: *Needs) *wire.Need {
        return needs.add("alerts", "");
    }

    pub fn changes(needs: *Needs, look_back_ms: u64) *wire.Need {
        const need = needs.add("changes", "");
        need.look_back_ms = look_back_ms;
        return need;
    }

    /// The offsets of an IANA time zone, so far ahead.
    pub fn transitions(needs: *Needs, zone: []const u8, ahead_ms: u64) *wire.Need {
        const need = needs.add("transitions", zone);
        need.look_back_ms = ahead_ms;
        return need;
    }

    /// For `return`: the text is one sentence for a person, with the names and numbers concerned.
    pub fn refuse(needs: *Needs, kind: RefusalKind, text: []const u8) Refused {
        needs.refusal = refusal(kind, text);
        return error.Refused;
    }

    fn add(needs: *Needs, kind: []const u8, name: []const u8) *wire.Need {
        const need = needs.list.add();
        need.* = .{
            .kind = .of(kind),
            .name = .of(name),
            .subject = .empty,
            .unit = .empty,
            .look_back_ms = 0,
            .step_ms = 0,
            .required = false,
            .attrs = .empty,
        };
        return need;
    }
};

/// Proposals, notes and memory. One without proposals abstains. What was noted is dropped if the policy refuses.
pub const Answer = struct {
    proposals: texts.Grown(wire.Proposal) = .{},
    notes: texts.Grown(wire.String) = .{},
    attrs: texts.Grown(wire.Tuple2(wire.String, wire.Value)) = .{},
    memory: wire.Option(wire.List(u8)) = .none,
    refusal: wire.Refusal = undefined,

    /// Each of these takes its reason, one sentence with the numbers that led to it. What comes back may be refined until the next
    /// one is added: `at_least`, `instances` (which to remove first), `size_class`, `placement`, `group`, `attrs`.
    pub fn scale(answer: *Answer, count: u32, reason: []const u8) *wire.Proposal {
        const proposal = answer.propose("scale", reason);
        proposal.count = .some(count);
        return proposal;
    }

    pub fn atLeast(answer: *Answer, count: u32, reason: []const u8) *wire.Proposal {
        const proposal = answer.propose("scale", reason);
        proposal.at_least = .some(count);
        return proposal;
    }

    pub fn atMost(answer: *Answer, count: u32, reason: []const u8) *wire.Proposal {
        const proposal = answer.propose("scale", reason);
        proposal.at_most = .some(count);
        return proposal;
    }

    /// Votes for the present state.
    pub fn hold(answer: *Answer, reason: []const u8) *wire.Proposal {
        return answer.propose("hold", reason);
    }

    /// New sizes of containers; or set `size_class` and give none.
    pub fn resize(answer: *Answer, containers: []const wire.ContainerResources, reason: []const u8) *wire.Proposal {
        const proposal = answer.propose("resize", reason);
        const copy = texts.allocate(wire.ContainerResources, containers.len);
        for (containers, copy) |container, *place| place.* = container;
        proposal.resources = .of(copy);
        return proposal;
    }

    /// `restart`, `replace`, `remove`, `start` or `redeploy` of the instances with these ids, the preferred first.
    pub fn act(answer: *Answer, kind: []const u8, instances: []const []const u8, reason: []const u8) *wire.Proposal {
        const proposal = answer.propose(kind, reason);
        proposal.instances = texts.crossing(instances);
        return proposal;
    }

    /// A sentence for whoever reads the record.
    pub fn note(answer: *Answer, text: []const u8) void {
        answer.notes.push(.of(text));
    }

    /// A named text for whoever reads the record.
    pub fn attr(answer: *Answer, name: []const u8, text: []const u8) void {
        answer.attrs.push(.{ .f0 = .of(name), .f1 = .{ .tag = .text, .payload = .{ .text = .of(text) } } });
    }

    /// Memory for the next evaluation, where the snapshot shows it; without it the present one is kept.
    pub fn remember(answer: *Answer, bytes: []const u8) void {
        const copy = texts.allocate(u8, bytes.len);
        @memcpy(copy, bytes);
        answer.memory = .some(.of(copy));
    }

    /// For `return`: the text is one sentence for a person, with the names and numbers concerned.
    pub fn refuse(answer: *Answer, kind: RefusalKind, text: []const u8) Refused {
        answer.refusal = refusal(kind, text);
        return error.Refused;
    }

    fn propose(answer: *Answer, kind: []const u8, reason: []const u8) *wire.Proposal {
        if (reason.len == 0) @panic("a proposal gives no reason");
        const proposal = answer.proposals.add();
        proposal.* = .{
            .kind = .of(kind),
            .count = .none,
            .at_least = .none,
            .at_most = .none,
            .instances = .empty,
            .resources = .empty,
            .size_class = .empty,
            .placement = .empty,
            .group = 0,
            .reason = .of(reason),
            .attrs = .empty,
        };
        return proposal;
    }

    /// As it crosses.
    pub fn crossing(answer: *const Answer) wire.Answer {
        return .{
            .verdict = .{ .tag = .proposals, .payload = .{ .proposals = .of(answer.proposals.items) } },
            .memory = answer.memory,
            .notes = .of(answer.notes.items),
            .attrs = .of(answer.attrs.items),
        };
    }
};

/// An answer that declines.
pub fn refused(why: wire.Refusal) wire.Answer {
    return .{
        .verdict = .{ .tag = .refused, .payload = .{ .refused = why } },
        .memory = .none,
        .notes = .empty,
        .attrs = .empty,
    };
}

pub fn wrongParameters(text: []const u8) wire.Refusal {
    return refusal(.parameter_wrong, text);
}
