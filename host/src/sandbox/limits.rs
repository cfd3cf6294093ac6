//! What a guest may use. Every figure can be configured; two tiers hold the defaults.

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

use super::error::SandboxError;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Which limits a guest runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Languages compiled to Wasm: Rust, C, Zig, AssemblyScript. Microseconds and kilobytes.
    Compiled,
    /// Interpreters and large runtimes: JavaScript, Python, Go. Milliseconds and megabytes.
    Interpreted,
}

/// The sandbox's settings: `[sandbox]` of the configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Guests that run at once; what comes more waits. `None`: twice the cores, at least 4.
    pub at_once_max: Option<u32>,
    /// Limits of the tier `compiled`, where they differ from its defaults.
    pub compiled: TierSettings,
    /// Limits of the tier `interpreted`, likewise.
    pub interpreted: TierSettings,
    /// What may be loaded.
    pub upload: UploadLimits,
    /// What compiling may take.
    pub compile: CompileLimits,
}

/// Changes to the defaults of one tier.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is the field of the same name in `TierLimits`")]
pub struct TierSettings {
    pub fuel: Option<u64>,
    pub deadline_ms: Option<u64>,
    pub memory_bytes_max: Option<u64>,
    pub table_elements_max: Option<u64>,
    pub output_bytes_max: Option<u64>,
    pub hostcall_bytes_max: Option<u64>,
    pub host_calls_max: Option<u32>,
    pub notes_max: Option<u32>,
    pub note_bytes_max: Option<u32>,
    pub policy_memory_bytes_max: Option<u32>,
}

/// The limits of one tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierLimits {
    /// The budget of one run, about one per instruction.
    pub fuel: u64,
    /// The backstop in wall-clock time, about ten times what the fuel lasts for.
    pub deadline_ms: u64,
    /// All linear memories of an instance together.
    pub memory_bytes_max: u64,
    /// Elements of all tables of an instance together.
    pub table_elements_max: u64,
    /// All texts, lists and bytes of one answer together.
    pub output_bytes_max: u64,
    /// What may be copied out of the guest in one call, before it is looked at.
    pub hostcall_bytes_max: u64,
    /// Calls of the guest to the host (WASI).
    pub host_calls_max: u32,
    /// Notes in one answer; also lines kept of what it prints.
    pub notes_max: u32,
    /// Bytes of one note or printed line.
    pub note_bytes_max: u32,
    /// Bytes that a policy may keep from one evaluation to the next, whatever its manifest says.
    pub policy_memory_bytes_max: u32,
}

impl TierLimits {
    /// The defaults of a tier.
    ///
    /// Fuel: a policy in Rust burns about 10 thousand on 20 readings, one in QuickJS or Python 0.3 million, in
    /// StarlingMonkey 0.9 million; the budgets leave a factor of 200 and more. A unit lasts for 1 to 2 ns, so 20 million are
    /// spent in 40 ms, and the deadlines are ten times that.
    #[must_use]
    pub fn of(tier: Tier) -> Self {
        match tier {
            Tier::Compiled => Self {
                fuel: 20_000_000,
                deadline_ms: 400,
                memory_bytes_max: 16 * MIB,
                table_elements_max: 10_000,
                output_bytes_max: 256 * KIB,
                hostcall_bytes_max: MIB,
                host_calls_max: 1_000,
                notes_max: 64,
                note_bytes_max: 1_024,
                policy_memory_bytes_max: 64 * 1024,
            },
            Tier::Interpreted => Self {
                fuel: 250_000_000,
                deadline_ms: 5_000,
                memory_bytes_max: 64 * MIB,
                table_elements_max: 40_000,
                host_calls_max: 10_000,
                ..Self::of(Tier::Compiled)
            },
        }
    }
}

impl SandboxConfig {
    /// The limits of a tier, with what the operator changed.
    ///
    /// # Errors
    /// Where a limit is zero or beyond what the engine can hold.
    pub fn limits(&self, tier: Tier) -> Result<TierLimits, SandboxError> {
        let (name, settings) = match tier {
            Tier::Compiled => ("compiled", &self.compiled),
            Tier::Interpreted => ("interpreted", &self.interpreted),
        };
        let base = TierLimits::of(tier);
        let limits = TierLimits {
            fuel: settings.fuel.unwrap_or(base.fuel),
            deadline_ms: settings.deadline_ms.unwrap_or(base.deadline_ms),
            memory_bytes_max: settings.memory_bytes_max.unwrap_or(base.memory_bytes_max),
            table_elements_max: settings.table_elements_max.unwrap_or(base.table_elements_max),
            output_bytes_max: settings.output_bytes_max.unwrap_or(base.output_bytes_max),
            hostcall_bytes_max: settings.hostcall_bytes_max.unwrap_or(base.hostcall_bytes_max),
            host_calls_max: settings.host_calls_max.unwrap_or(base.host_calls_max),
            notes_max: settings.notes_max.unwrap_or(base.notes_max),
            note_bytes_max: settings.note_bytes_max.unwrap_or(base.note_bytes_max),
            policy_memory_bytes_max: settings.policy_memory_bytes_max.unwrap_or(base.policy_memory_bytes_max),
        };
        let ranges = [
            ("fuel", limits.fuel, 10_000, 1_000_000_000_000),
            ("deadline_ms", limits.deadline_ms, 1, 600_000),
            ("memory_bytes_max", limits.memory_bytes_max, 64 * KIB, 1024 * MIB),
            ("table_elements_max", limits.table_elements_max, 1, 1_000_000),
            ("output_bytes_max", limits.output_bytes_max, KIB, 64 * MIB),
            ("hostcall_bytes_max", limits.hostcall_bytes_max, KIB, 128 * MIB),
        ];
        for (limit, value, least, most) in ranges {
            if value < least || value > most {
                return Err(SandboxError::Config {
                    what: format!("sandbox.{name}.{limit} is {value}, must be between {least} and {most}"),
                });
            }
        }
        Ok(limits)
    }

    /// Guests that run at once.
    #[must_use]
    pub fn at_once(&self) -> u32 {
        let cores = std::thread::available_parallelism().map_or(2, |cores| u32::try_from(cores.get()).unwrap_or(64));
        self.at_once_max.unwrap_or(cores * 2).clamp(4, 256)
    }
}

/// What may be loaded. Checked before anything is compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UploadLimits {
    /// The whole component.
    pub bytes_max: u64,
    /// Functions in all its modules.
    pub functions_max: u32,
    /// The longest function. Compiling takes more than linear time in this.
    pub function_bytes_max: u32,
    /// All custom sections together.
    pub custom_bytes_max: u64,
    /// From this size on a component runs in the tier `interpreted` where nobody said otherwise.
    pub interpreted_from_bytes: u64,
}

impl Default for UploadLimits {
    /// Python's components are the largest known: 18 MiB. StarlingMonkey has the longest functions.
    fn default() -> Self {
        Self {
            bytes_max: 32 * MIB,
            functions_max: 100_000,
            function_bytes_max: 1 << 20,
            custom_bytes_max: 8 * MIB,
            interpreted_from_bytes: 512 * KIB,
        }
    }
}

/// What compiling one component may take. It happens in a process of its own, which is killed when it takes more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompileLimits {
    /// Wall-clock time.
    pub timeout_ms: u64,
    /// CPU time of all its threads together.
    pub cpu_seconds_max: u64,
    /// Address space.
    pub memory_bytes_max: u64,
    /// The compiled code.
    pub artefact_bytes_max: u64,
    /// Compilations at once.
    pub at_once_max: u32,
    /// Threads of each.
    pub threads_max: u32,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            timeout_ms: 60_000,
            cpu_seconds_max: 120,
            memory_bytes_max: 3 * 1024 * MIB,
            artefact_bytes_max: 256 * MIB,
            at_once_max: 1,
            threads_max: 4,
        }
    }
}

/// Counts what an instance has over all its memories and tables (the engine's own limits are per memory and table).
#[derive(Debug)]
pub(super) struct Budget {
    memory_max: usize,
    memory_used: usize,
    memory_peak: usize,
    table_max: usize,
    table_used: usize,
    /// The growth allowed last, taken back if the engine could not do it.
    last_growth: usize,
    /// What was denied first.
    denied: Option<(&'static str, u64)>,
}

impl Budget {
    pub(super) fn new(limits: &TierLimits) -> Self {
        Self {
            memory_max: usize::try_from(limits.memory_bytes_max).unwrap_or(usize::MAX),
            memory_used: 0,
            memory_peak: 0,
            table_max: usize::try_from(limits.table_elements_max).unwrap_or(usize::MAX),
            table_used: 0,
            last_growth: 0,
            denied: None,
        }
    }

    /// Most memory that there was.
    pub(super) fn peak(&self) -> u64 {
        self.memory_peak as u64
    }

    /// What was asked for in vain, and its limit.
    pub(super) fn denied(&self) -> Option<(&'static str, u64)> {
        self.denied
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, wasmtime::Error> {
        let growth = desired.saturating_sub(current);
        let after = self.memory_used.saturating_add(growth);
        if after > self.memory_max {
            self.denied.get_or_insert(("linear memory in bytes", self.memory_max as u64));
            return Ok(false);
        }
        self.last_growth = growth;
        self.memory_used = after;
        self.memory_peak = self.memory_peak.max(after);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> Result<(), wasmtime::Error> {
        self.memory_used = self.memory_used.saturating_sub(self.last_growth);
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, wasmtime::Error> {
        let after = self.table_used.saturating_add(desired.saturating_sub(current));
        if after > self.table_max {
            self.denied.get_or_insert(("table elements", self.table_max as u64));
            return Ok(false);
        }
        self.table_used = after;
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }
}

/// Core instances of one component: componentize-py makes 38.
pub(super) const CORE_INSTANCES_MAX: u32 = 128;
/// Linear memories of one component: componentize-qjs has 3.
pub(super) const MEMORIES_MAX: u32 = 4;
/// Tables of one component: componentize-qjs has 3.
pub(super) const TABLES_MAX: u32 = 8;
