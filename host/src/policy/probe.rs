//! Guests for tests, as WAT: a policy that abstains, with whatever functions a test puts in place of its own.

use std::sync::{Arc, OnceLock};

use super::{Policy, PolicyError, world};
use crate::sandbox::{CompileRequest, Compiler, Sandbox, SandboxConfig, SandboxError, StringEncoding, Tier};

/// A core module by hand. Records lie in memory as C structs do: a text or list is a pointer and a length.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Imports, memory, globals, tables: all that stands in front.
    pub(crate) head: String,
    pub(crate) describe: String,
    pub(crate) needs: String,
    /// Gets the snapshot's address as local 0.
    pub(crate) evaluate: String,
    /// Further fields of the module.
    pub(crate) further: String,
    pub(crate) contract: String,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            head: r#"(memory (export "memory") 1)"#.to_owned(),
            describe: MANIFEST.to_owned(),
            // A result whose tag is ok and whose list is empty.
            needs: "(i32.const 128)".to_owned(),
            // An answer that is all zeroes: no proposals, no memory, no notes.
            evaluate: "(i32.const 256)".to_owned(),
            further: String::new(),
            contract: "0.1.0".to_owned(),
        }
    }
}

/// Writes a manifest at 16: name, version, and 64 bytes of memory.
const MANIFEST: &str = "
    (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 5))
    (i32.store (i32.const 24) (i32.const 1032)) (i32.store (i32.const 28) (i32.const 5))
    (i32.store (i32.const 56) (i32.const 64))
    (i32.const 16)";

impl Probe {
    /// A policy whose `evaluate` is this.
    pub(crate) fn evaluating(body: &str) -> Self {
        Self { evaluate: body.to_owned(), ..Self::default() }
    }

    pub(crate) fn wat(&self) -> String {
        let Self { head, describe, needs, evaluate, further, contract } = self;
        format!(
            r#"(module
            {head}
            (data (i32.const 1024) "probe") (data (i32.const 1032) "1.0.0") (data (i32.const 1040) "a note")
            (global $top (mut i32) (i32.const 8192))
            (func $alloc (param $align i32) (param $bytes i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
                (global.set $top (i32.add (local.get $at) (local.get $bytes)))
                (if (i32.gt_u (global.get $top) (i32.shl (memory.size) (i32.const 16)))
                    (then (drop (memory.grow (i32.const 16)))))
                (local.get $at))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (call $alloc (local.get 2) (local.get 3)))
            (func (export "trimtab:policy/decide@{contract}#describe") (result i32) {describe})
            (func (export "trimtab:policy/decide@{contract}#needs") (param i32 i32) (result i32) {needs})
            (func $evaluate (export "trimtab:policy/decide@{contract}#evaluate") (param i32) (result i32) {evaluate})
            {further})"#
        )
    }

    pub(crate) fn module(&self) -> Vec<u8> {
        wat::parse_str(self.wat()).unwrap()
    }

    pub(crate) fn load(&self) -> Result<Policy, PolicyError> {
        load(&self.module(), Tier::Compiled).unwrap()
    }
}

/// One engine for all tests: that is what the host has.
pub(crate) fn sandbox() -> Arc<Sandbox> {
    static SANDBOX: OnceLock<Arc<Sandbox>> = OnceLock::new();
    Arc::clone(SANDBOX.get_or_init(|| Sandbox::start(&SandboxConfig::default()).unwrap()))
}

pub(crate) fn request(string_encoding: Option<StringEncoding>) -> CompileRequest {
    let sandbox = sandbox();
    CompileRequest {
        world: world(),
        string_encoding,
        upload: sandbox.upload_limits().clone(),
        compile: sandbox.compile_limits().clone(),
    }
}

/// Compiles in this process and loads.
pub(crate) fn load(wasm: &[u8], tier: Tier) -> Result<Result<Policy, PolicyError>, SandboxError> {
    load_in(&sandbox(), wasm, tier)
}

/// The same in an engine with other settings.
pub(crate) fn load_in(
    sandbox: &Arc<Sandbox>,
    wasm: &[u8],
    tier: Tier,
) -> Result<Result<Policy, PolicyError>, SandboxError> {
    let (compiler, request) = (Compiler::in_process(), request(Some(StringEncoding::Utf8)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let artefact = runtime.block_on(compiler.compile(&request, wasm, sandbox.engine_hash()))?;
    Ok(Policy::load(sandbox, &sandbox.load(&artefact)?, "probe", tier))
}
