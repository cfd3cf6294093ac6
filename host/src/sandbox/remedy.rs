//! What to do about bytes that are no policy: for each slip of a build the flag or command that mends it.
//!
//! Only words: what is refused is decided elsewhere. So what is read here may be guessed from marks that a toolchain leaves.

use wasmparser::{Parser, Payload};

/// Bytes of text that are quoted.
const QUOTED_CHARS_MAX: usize = 40;
/// Bytes of custom sections that are searched for a toolchain's marks.
const SEARCHED_BYTES_MAX: usize = 8 << 20;

/// Who made a component or module, where that decides about the flag to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Toolchain {
    Python,
    QuickJs,
    StarlingMonkey,
    Go,
    Rust,
    C,
}

/// The marks that they leave in names and producers, the particular ones first: an interpreter is itself written in Rust or C.
const MARKS: [(&[u8], Toolchain); 10] = [
    (b"componentize_py", Toolchain::Python),
    (b"componentize-py", Toolchain::Python),
    (b"componentize_qjs", Toolchain::QuickJs),
    (b"componentize-qjs", Toolchain::QuickJs),
    (b"componentize-js", Toolchain::StarlingMonkey),
    (b"starlingmonkey", Toolchain::StarlingMonkey),
    (b"Go cmd/compile", Toolchain::Go),
    (b"go:buildid", Toolchain::Go),
    (b"rustc", Toolchain::Rust),
    (b"clang", Toolchain::C),
];

impl Toolchain {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut left = SEARCHED_BYTES_MAX;
        let mut found: Option<usize> = None;
        for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
            let Payload::CustomSection(section) = payload else { continue };
            let data = section.data().get(..section.data().len().min(left)).unwrap_or_default();
            left -= data.len();
            let has =
                |mark: &[u8]| section.name().as_bytes() == mark || data.windows(mark.len()).any(|part| part == mark);
            let better = found.unwrap_or(MARKS.len());
            found = MARKS.iter().take(better).position(|(mark, _)| has(mark)).or(found);
        }
        found.and_then(|at| MARKS.get(at)).map(|(_, toolchain)| *toolchain)
    }
}

/// How a component or module is built without WASI: by the flag of whoever made it, or by those of all where that is not to be seen.
#[must_use]
pub fn without_wasi(bytes: &[u8]) -> &'static str {
    match Toolchain::of(bytes) {
        Some(Toolchain::Python) => "build it without, by componentize-py's `--stub-wasi`",
        Some(Toolchain::QuickJs) => {
            "build it without, by componentize-qjs's `--stub-wasi` (jco: `--backend-qjs-stub-wasi`)"
        }
        Some(Toolchain::StarlingMonkey) => "build it without, by `--disable all` of `jco componentize`",
        Some(Toolchain::Go) => {
            "build it without an adapter: `trimtab policy build` makes a core module (GOOS=wasip1 GOARCH=wasm, \
             -buildmode=c-shared), and the host puts an empty WASI behind it"
        }
        Some(Toolchain::Rust) => {
            "build it for the target wasm32-unknown-unknown, in place of wasm32-wasip1 or wasm32-wasip2"
        }
        Some(Toolchain::C) => {
            "build it freestanding, by `--target=wasm32-unknown-unknown -nostdlib` in place of wasi-libc (`trimtab policy build` \
             does)"
        }
        None => {
            "build it without: componentize-py and componentize-qjs by `--stub-wasi`, jco by `--backend-qjs-stub-wasi` or \
             `--disable all`, Rust for wasm32-unknown-unknown, Go and C by `trimtab policy build`"
        }
    }
}

/// How to get rid of imports that are not there.
pub(super) fn of_imports(refused: &[&str], bytes: &[u8]) -> String {
    let any = |prefixes: &[&str]| refused.iter().any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    if any(&["wasi:http"]) {
        let how = match Toolchain::of(bytes) {
            Some(Toolchain::StarlingMonkey) => {
                "`--disable http fetch-event` (or `--disable all`) of `jco componentize`"
            }
            _ => return format!("a policy has no network: take out what speaks HTTP, and {}", without_wasi(bytes)),
        };
        return format!("a policy has no network; build it without, by {how}");
    }
    if any(&["wasi:"]) {
        return format!(
            "of WASI 0.2 only cli, clocks, filesystem, io, random and sockets are there (all empty): {}",
            without_wasi(bytes)
        );
    }
    if any(&["wasi"]) {
        return format!(
            "of WASI in core modules only `wasi_snapshot_preview1` is there (empty): {}",
            without_wasi(bytes)
        );
    }
    if any(&["gojs", "go"]) && !any(&["go:"]) {
        return "it was built for a browser (GOOS=js): build it with `trimtab policy build`, or GOOS=wasip1 GOARCH=wasm and \
                -buildmode=c-shared"
            .to_owned();
    }
    if any(&["__wbindgen", "wbg", "./"]) {
        return "it was built for a browser by wasm-bindgen: build it with `trimtab policy build` or cargo for \
                wasm32-unknown-unknown, and without crates that call JavaScript (`cargo tree -i wasm-bindgen` names them)"
            .to_owned();
    }
    if any(&["extism:", "wapc", "proxy_"]) {
        return "it was built for another host; a policy of this one imports no function, and all that it needs is in the \
                snapshot: start with `trimtab policy new`"
            .to_owned();
    }
    if any(&["env"]) {
        return of_env(&names_from("env", bytes));
    }
    "a policy imports no function, all that it needs is in the snapshot: take them out of its world, and build it for the world \
     `policy` (`trimtab policy new` begins one)"
        .to_owned()
}

/// `env` is where linkers look for all that was not there; the names tell which one it was.
fn of_env(names: &[&str]) -> String {
    let any = |prefixes: &[&str]| names.iter().any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    let how = if any(&["abort", "seed", "trace"]) {
        "define them in the module: AssemblyScript by `--use abort=index/abort` (`trimtab policy build` does)"
    } else if any(&["emscripten", "__syscall", "invoke_", "_emscripten"]) {
        "Emscripten expects a browser: build it with `trimtab policy build`, or clang `--target=wasm32-unknown-unknown \
         -nostdlib`"
    } else if any(&["memory"]) {
        "let the module have its own memory: link it without `--import-memory`"
    } else if any(&["proxy_"]) {
        "it was built for proxies (proxy-wasm): start with `trimtab policy new`"
    } else {
        "define it in the module, or link what is missing (without `--allow-undefined` the linker says where it is called)"
    };
    let named = super::component::listed(names.iter().copied());
    format!("a policy imports no function; {named} must be in the module itself: {how}")
}

/// Names that a core module imports from another.
fn names_from<'a>(from: &str, bytes: &'a [u8]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        if let Payload::ImportSection(section) = payload {
            let imports = section.into_imports().map_while(Result::ok);
            names.extend(imports.filter(|import| import.module == from).map(|import| import.name));
        }
    }
    names
}

/// What exports that are not the contract's tell of a build, with the remedy; empty where they tell nothing.
pub(super) fn of_exports(exports: &[&str], unversioned: &str) -> &'static str {
    let any = |prefixes: &[&str]| exports.iter().any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    if any(&["wasi:cli/run", "_start", "main"]) {
        "; it is a program that runs from its beginning, and a policy is a library: Rust `crate-type = [\"cdylib\"]`, Go \
         -buildmode=c-shared, C and Zig without an entry (`trimtab policy build` knows them)"
    } else if any(&["wasi:http/"]) {
        "; it is a server for `wasmtime serve` and its like, and a policy has no network: start with `trimtab policy new`"
    } else if any(&["proxy_", "__guest_call", "wapc_init", "extism"]) {
        "; it is a guest of another host: start with `trimtab policy new`"
    } else if exports.contains(&unversioned) {
        "; the version is part of the name, and its copy of the contract is unversioned: take `wit/v1/policy.wit` of this trimtab \
         as it is"
    } else if any(&["describe", "needs", "evaluate"]) {
        "; its functions stand alone, and must be exported within that interface"
    } else if exports.is_empty() {
        "; a linker drops what nobody names: Rust `trimtab_sdk::export!` and `crate-type = [\"cdylib\"]`, clang \
         `__attribute__((export_name(…)))`"
    } else {
        ""
    }
}

/// What bytes are that do not begin as WebAssembly does, and what to do; to stand behind `it is not WebAssembly`.
pub(super) fn of_other_bytes(bytes: &[u8]) -> String {
    const HEADS: [(&[u8], &str); 8] = [
        (b"MZ", ": it is a program for Windows; build it for wasm32"),
        (b"\xcf\xfa\xed\xfe", ": it is a program for macOS; build it for wasm32"),
        (b"!<arch>", ": it is a library to link with; Rust `crate-type = [\"cdylib\"]` and not staticlib"),
        (b"BC\xc0\xde", ": it is LLVM's bitcode, not linked yet; link it with wasm-ld (`trimtab policy build` does)"),
        (b"version https://git-lfs", ": it is a pointer of Git LFS; fetch the file with `git lfs pull`"),
        (b"<", ": it is a page (HTML or XML), perhaps the answer to a download that failed; fetch it again"),
        (b"%PDF", ": it is a document"),
        (b"\x89PNG", ": it is a picture"),
    ];
    if bytes.is_empty() {
        return ": it is empty; build or upload it again".to_owned();
    }
    if let Some((_, what)) = HEADS.iter().find(|(head, _)| bytes.trim_ascii_start().starts_with(head)) {
        return (*what).to_owned();
    }
    let head = bytes.get(..bytes.len().min(QUOTED_CHARS_MAX)).unwrap_or_default();
    let is_text = |text: &str| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    match head.utf8_chunks().next().map(|chunk| chunk.valid()) {
        // A letter may be cut at the end of what is quoted, and nowhere else.
        Some(text) if text.len() + 4 > head.len() && is_text(text) => {
            format!(
                ": it is text that begins {text:?}; if that is a policy's source, build it with `trimtab policy build`"
            )
        }
        _ => String::new(),
    }
}

/// Whether a core module has 64-bit memory: the contract is for 32 bits.
pub(super) fn is_wasm64(bytes: &[u8]) -> bool {
    let is_wide = |payload: Payload<'_>| match payload {
        Payload::MemorySection(section) => section.into_iter().map_while(Result::ok).any(|memory| memory.memory64),
        _ => false,
    };
    Parser::new(0).parse_all(bytes).map_while(Result::ok).any(is_wide)
}

/// What the engine's complaint comes from, and the flag against it; the code of the complaint begins it.
pub(super) fn of_engine(complaint: &str) -> String {
    let has = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
    let (what, how) = if has(&["component model async", "async"]) {
        (
            "it was built with asynchronous functions",
            "build it without: componentize-qjs by `--sync`, jco by `--backend-qjs-disable-async`, componentize-py for a world \
             without `async`",
        )
    } else if has(&["memory64", "64-bit memor"]) {
        ("it has 64-bit memory (wasm64)", "build it for wasm32")
    } else if has(&["shared memor", "threads", "atomic"]) {
        (
            "it was built with threads",
            "build it without: Rust without `+atomics`, clang and Emscripten without `-pthread`, Zig with `-fsingle-threaded`",
        )
    } else if has(&["exceptions", "exception", "legacy_exceptions", "legacy exception"]) {
        ("it was built with Wasm's exceptions", "build it without, with clang by `-fno-exceptions`")
    } else if has(&["relaxed"]) {
        (
            "it was built with relaxed SIMD",
            "build it without `-mrelaxed-simd` (Rust: `+relaxed-simd`): its results depend on the machine",
        )
    } else if has(&["gc types", "gc proposal", "gc is not", "without `gc`", "without gc", "requires gc"]) {
        (
            "it was built with Wasm's garbage collection",
            "build it with a language that brings its own, see sdk/ of trimtab",
        )
    } else {
        return format!("this engine does not take it: {complaint}");
    };
    format!("{what}, which this host does not have: {how} ({complaint})")
}

/// What the encoder's complaint comes from, and what to do, where it is a known one.
pub(super) fn of_encoder(complaint: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
    if has(&["cabi_realloc"]) {
        Some("export `cabi_realloc`, by which the host passes texts and lists (each SDK has it)")
    } else if has(&["type mismatch"]) {
        Some(
            "its functions have other types than the contract's: make its bindings anew from `wit/v1/policy.wit` of this trimtab",
        )
    } else if has(&["does not export a memory", "export a memory", "memory named"]) {
        Some("export its memory as `memory`")
    } else {
        None
    }
}
