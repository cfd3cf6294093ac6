//! The hostile guests: files of `tests/guests/hostile`, each a change of the skeleton there, whose head explains them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use trimtab::policy::{Policy, PolicyError, Tier};
use trimtab::sandbox::{
    Artefact, CompileRequest, Compiler, Sandbox, SandboxConfig, SandboxError, StringEncoding, TierSettings,
};
use wasm_encoder::{ComponentSection as _, ComponentSectionId, InstanceSection, ModuleArg, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, embed_component_metadata};
use wit_parser::Resolve;

/// Parts of the skeleton that a file may replace, and what stands there otherwise.
const PIECES: [(&str, &str); 7] = [
    ("memory", "(memory (export \"memory\") 1)"),
    ("fields", ""),
    ("describe", "(call $manifest)"),
    ("needs", "(call $needs_load)"),
    ("evaluate", "(i32.const 512)"),
    ("realloc", "(call $alloc (local.get $align) (local.get $bytes))"),
    ("after", ""),
];
/// What a guest that waits for its moment does until then.
const ASLEEP: &str = "(if (f64.le (call $load (local.get $snapshot)) (f64.const 50))
    (then (return (call $scale (i32.const 1)))))";
/// Instances at once: so few that each one's slot of the pool is soon another's.
const AT_ONCE: u32 = 4;
/// The backstop where a guest does not ask for another: what fuel ends must not be ended by a slow machine.
const PATIENT_DEADLINE_MS: u64 = 120_000;

/// One file: what it tries, and what must come of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostileGuest {
    /// The file's name without its end, which is the policy's name.
    pub(crate) name: String,
    /// Stage and fault, what the bounds say, or `answers`.
    pub(crate) must: String,
    /// Words of the reason; those with `|` between are alternatives.
    pub(crate) says: Vec<String>,
    /// Words that must not be in it.
    pub(crate) lacks: Vec<String>,
    /// Limits of its own, as the configuration has them.
    pub(crate) with: String,
    /// How often it is asked.
    pub(crate) times: u32,
    wasi: bool,
    /// Core instances that it has besides its own: how many, and of which module.
    instances: Option<(u32, String)>,
    pieces: Vec<(String, String)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/hostile")
}

/// All of them, by name.
pub(crate) fn all() -> Vec<HostileGuest> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "wat"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "skeleton")
        .collect();
    names.sort();
    names.iter().map(|name| HostileGuest::read(name)).collect()
}

impl HostileGuest {
    /// The one of this name.
    pub(crate) fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(folder().join(format!("{name}.wat"))).unwrap();
        let mut guest = Self { name: name.to_owned(), times: 3, ..Self::default() };
        for line in text.lines() {
            if let Some(piece) = line.strip_prefix(";;= ") {
                assert!(PIECES.iter().any(|(known, _)| *known == piece), "{name}: the skeleton has no {piece:?}");
                guest.pieces.push((piece.to_owned(), String::new()));
            } else if let Some((_, body)) = guest.pieces.last_mut() {
                body.push_str(line);
                body.push('\n');
            } else if let Some((word, value)) = line.strip_prefix(";; ").and_then(|line| line.split_once(": ")) {
                guest.head(word, value.to_owned());
            }
        }
        assert!(!guest.must.is_empty(), "{name} does not say what must come of it");
        guest
    }

    fn head(&mut self, word: &str, value: String) {
        match word {
            "must" => self.must = value,
            "says" => self.says.push(value),
            "lacks" => self.lacks.push(value),
            "with" => self.with = value,
            "times" => self.times = value.parse().unwrap(),
            "instances" => {
                let (count, module) = value.split_once(' ').unwrap();
                self.instances = Some((count.parse().unwrap(), module.to_owned()));
            }
            "world" => self.wasi = value == "wasi",
            // A sentence of what it tries may well hold a colon.
            _ => {}
        }
    }

    /// The same under another name, which is another policy.
    pub(crate) fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// Its module: hostile from the first moment.
    pub(crate) fn awake(&self) -> Vec<u8> {
        self.module("")
    }

    /// Its module, which wishes for one replica as long as `load` is at most fifty, and is hostile after that.
    pub(crate) fn sleeping(&self) -> Vec<u8> {
        self.module(ASLEEP)
    }

    fn module(&self, wakes: &str) -> Vec<u8> {
        let skeleton = std::fs::read_to_string(folder().join("skeleton.wat")).unwrap();
        let (_, code) = skeleton.split_once("\n(module").unwrap();
        let mut text = format!("(module (@custom \"trimtab:string-encoding\" \"utf8\"){code}");
        for (piece, otherwise) in PIECES {
            let own = self.pieces.iter().find(|(name, _)| name == piece).map(|(_, body)| body.as_str());
            text = text.replacen(&format!("{{{piece}}}"), own.unwrap_or(otherwise), 1);
        }
        let length = self.name.len().to_string();
        text = text.replace("{name}", &self.name).replace("{name_bytes}", &length).replace("{wakes}", wakes);
        let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        match &self.instances {
            Some((count, of)) => with_instances(component(module), *count, &wat::parse_str(of).unwrap()),
            None if self.wasi => component(module),
            None => module,
        }
    }

    /// The engine that it runs in: production's limits, but for the clock and for what it asks for itself.
    pub(crate) fn sandbox(&self) -> Arc<Sandbox> {
        let mut compiled = TierSettings { deadline_ms: Some(PATIENT_DEADLINE_MS), ..TierSettings::default() };
        for setting in self.with.split_whitespace() {
            match setting.split_once('=').unwrap() {
                ("fuel", value) => compiled.fuel = Some(value.parse().unwrap()),
                ("deadline_ms", value) => compiled.deadline_ms = Some(value.parse().unwrap()),
                (other, _) => panic!("{}: no limit {other:?} can be set", self.name),
            }
        }
        let config = SandboxConfig { at_once_max: Some(AT_ONCE), compiled, ..SandboxConfig::default() };
        Sandbox::start(&config).unwrap()
    }
}

/// Makes a component of a module that imports WASI 0.2.
fn component(mut module: Vec<u8>) -> Vec<u8> {
    let contract = trimtab::policy::world();
    let mut resolve = Resolve::default();
    resolve.push_str("policy.wit", &contract.wit).unwrap();
    let text = std::fs::read_to_string(folder().join("wasi.wit")).unwrap();
    let package = resolve.push_str("wasi.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// Adds so many instances of another module to a component. Sections of a component may come in any order.
fn with_instances(mut component: Vec<u8>, count: u32, module: &[u8]) -> Vec<u8> {
    let payloads = Parser::new(0).parse_all(&component).map(Result::unwrap);
    let modules = payloads.filter(|payload| matches!(payload, Payload::ModuleSection { .. })).count();
    let mut instances = InstanceSection::new();
    for _ in 0..count {
        instances.instantiate::<Vec<(&str, ModuleArg)>, &str>(u32::try_from(modules).unwrap(), Vec::new());
    }
    RawSection { id: ComponentSectionId::CoreModule.into(), data: module }.append_to_component(&mut component);
    instances.append_to_component(&mut component);
    component
}

/// Compiles as the registry does, in this process.
pub(crate) fn compile(sandbox: &Sandbox, wasm: &[u8]) -> Result<Artefact, SandboxError> {
    let request = CompileRequest {
        world: trimtab::policy::world(),
        string_encoding: Some(StringEncoding::Utf8),
        upload: sandbox.upload_limits().clone(),
        compile: sandbox.compile_limits().clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Compiler::in_process().compile(&request, wasm, sandbox.engine_hash()))
}

/// Loads what was compiled, and asks it what it is.
pub(crate) fn load(sandbox: &Arc<Sandbox>, artefact: &Artefact) -> Result<Policy, PolicyError> {
    let component = sandbox.load(artefact).map_err(|error| match error {
        SandboxError::Refused { fault } => PolicyError::Faulted { fault },
        other => panic!("the host is blamed for it: {other}"),
    })?;
    Policy::load(sandbox, &component, "hostile", Tier::Compiled)
}
