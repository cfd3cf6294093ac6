//! Uploads that want more than a snapshot: the words name what they want, and what to do.

use super::{Door, Verdict, shell};
use crate::hostile::table::Rows;

#[test]
fn a_module_that_imports_is_refused_by_the_name_of_what_it_imports() {
    let door = Door::open("");
    let mut rows = Rows::of("upload");
    let import = |module: &str, name: &str| format!("(import \"{module}\" \"{name}\" (func))");
    for (behaviour, must, import, names) in [
        ("a module wants a clock", "unknown-import", import("env", "clock"), "`env`"),
        ("a module wants what is unknown", "unknown-import", import("a stranger", "x"), "`a stranger`"),
        (
            "a module wants a memory of the host",
            "unknown-import",
            "(import \"env\" \"m\" (memory 1))".to_owned(),
            "`env`",
        ),
        ("a module wants a name of nothing", "unknown-import", import("", ""), "``"),
        (
            "a module wants an old preview of WASI",
            "unknown-import",
            import("wasi_unstable", "fd_write"),
            "`wasi_unstable`",
        ),
        (
            "a module wants to call what it must export",
            "unknown-import",
            import("trimtab:policy/decide@0.1.0", "describe"),
            "decide",
        ),
        ("a module wants names that colour a screen", "unknown-import", import(r"\1b[31m\u{202e}\0anone", "x"), "none"),
    ] {
        let verdict = door.row(&mut rows, behaviour, must, &shell(&import));
        assert!(verdict.text.contains(names), "{behaviour}: {}", verdict.text);
    }
    let many = (0..100_000).fold(String::new(), |text, at| text + &format!("(import \"env{at}\" \"x\" (func))"));
    let verdict = door.row(&mut rows, "a module wants 100,000 things", "unknown-import", &shell(&many));
    assert!(verdict.text.contains("and 99988 more"), "{}", verdict.text);
    // What is there of WASI preview 1 answers "no" to everything, and is no reason to refuse a policy.
    let preview = |function: &str| {
        let module = include_str!("../../../guests/wat/policy.wat");
        let head = format!("(module (@custom \"trimtab:string-encoding\" \"utf8\") {function}");
        wat::parse_str(module.replacen("(module", &head, 1)).unwrap()
    };
    let exit = preview("(import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))");
    door.row(&mut rows, "a module wants to end the process", "tried", &exit);
    let open = preview("(import \"wasi_snapshot_preview1\" \"no_such_call\" (func))");
    let verdict = door.row(&mut rows, "a module wants what WASI never had", "not-encodable", &open);
    assert!(verdict.text.contains("no_such_call"), "{}", verdict.text);
    door.is_as_before();
    rows.finish();
}

#[test]
fn a_component_that_imports_is_refused_by_the_name_of_what_it_imports() {
    let door = Door::open("");
    let mut rows = Rows::of("upload");
    for (behaviour, name, remedy) in [
        ("a component wants the network", "wasi:http/outgoing-handler@0.2.0", "no network"),
        ("a component wants sockets of tomorrow", "wasi:sockets/tcp@0.3.0", "build it without"),
        ("a component wants files of yesterday", "wasi:filesystem/types@0.1.0", "build it without"),
        ("a component wants a database", "wasi:keyvalue/store@0.2.0", "build it without"),
        ("a component wants a clock of its own", "wasi:clocks/wall-clock@0.2.x", "build it without"),
        ("a component wants what is unknown", "stranger:thing/door@1.0.0", "in the snapshot"),
    ] {
        let verdict = door.row(&mut rows, behaviour, "unknown-import", &wanting(name));
        assert!(verdict.text.contains(name) && verdict.text.contains(remedy), "{behaviour}: {}", verdict.text);
    }
    // Found out before it is compiled, or when it is linked: its name is said either way.
    for (behaviour, name) in [
        ("a component wants our contract of tomorrow", "trimtab:policy/types@9.0.0"),
        ("a component wants a clock of our package", "trimtab:policy/clock@0.1.0"),
    ] {
        door.row_of(&mut rows, behaviour, "refused by its name", || {
            let Verdict { code, text } = door.caller.push(&wanting(name));
            let refused = ["unknown-import", "wrong-contract", "incompatible"].contains(&code.as_str());
            let code = if refused && text.contains(name) { "refused by its name".to_owned() } else { code };
            Verdict { code, text }
        });
    }
    let many = (0..50_000).fold(String::new(), |text, at| text + &format!("(import \"a:b/c{at}@1.0.0\" (func))"));
    let verdict = door.row(&mut rows, "a component wants 50,000 things", "unknown-import", &component(&many));
    assert!(verdict.text.contains("and 49988 more"), "{}", verdict.text);
    door.row(&mut rows, "a component wants a function", "unknown-import", &component("(import \"now\" (func))"));
    door.row(&mut rows, "a component wants a module", "unknown-import", &component("(import \"code\" (core module))"));
    door.row(&mut rows, "a component wants a component", "unknown-import", &component("(import \"code\" (component))"));
    door.row(
        &mut rows,
        "a component wants a resource, and that is all",
        "incompatible",
        &component("(import \"t\" (type (sub resource)))"),
    );
    door.is_as_before();
    rows.finish();
}

/// A component that wants an interface with one function.
fn wanting(interface: &str) -> Vec<u8> {
    component(&format!("(import \"{interface}\" (instance (export \"now\" (func (result u64)))))"))
}

/// A component that is a policy by name, with imports.
fn component(imports: &str) -> Vec<u8> {
    let text = format!("(component {imports} (instance $i) (export \"trimtab:policy/decide@0.1.0\" (instance $i)))");
    wat::parse_str(text).unwrap()
}
