//! Files that nobody should put into the watched folder: each is told by its name and left alone, and the next one comes in.

use std::path::Path;

use super::{Door, Verdict, custom, guest};
use crate::hostile::table::Rows;

#[test]
fn a_file_that_nobody_should_put_into_the_watched_folder_is_told_and_left_alone() {
    // The folder must be there when the host starts.
    let outside = tempfile::tempdir().unwrap();
    let policies = outside.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let door = Door::open(&format!("policies_dir = {policies:?}\n[policies]\nwatch = true\nactivate = true\n"));
    let mut rows = Rows::of("upload");
    let write = |name: &str, bytes: &[u8]| {
        // As a careful writer does: whole at once.
        let hidden = policies.join(format!(".{name}"));
        std::fs::write(&hidden, bytes).unwrap();
        std::fs::rename(hidden, policies.join(name)).unwrap();
    };
    let deep = format!("(module {}{})", "(func (block ".repeat(100_000), "))".repeat(100_000));
    let sparse = |name: &str| {
        let file = std::fs::File::create(policies.join(name)).unwrap();
        file.set_len(64 << 30).unwrap();
    };
    type Put<'a> = Box<dyn Fn(&str) + 'a>;
    let cases: Vec<(&str, &str, &str, Put<'_>)> = vec![
        ("a file of 64 GiB", "huge.wasm", "bytes are more than", Box::new(sparse)),
        ("a text of 64 GiB", "huge.wat", "bytes are more than", Box::new(sparse)),
        (
            "a text that is 100,000 deep",
            "deep.wat",
            "not WebAssembly as text",
            Box::new(|name| write(name, deep.as_bytes())),
        ),
        (
            "a custom section of 9 MiB",
            "custom.wasm",
            "(too-complex)",
            Box::new(|name| write(name, &[guest(""), custom("x", 9 << 20)].concat())),
        ),
        ("a zip", "zip.wasm", "(archive)", Box::new(|name| write(name, b"PK\x03\x04 and more"))),
        ("half a policy", "half.wasm", "(truncated)", Box::new(|name| write(name, &guest("")[..400]))),
    ];
    for (behaviour, name, must, put) in &cases {
        door.row_of(&mut rows, &format!("folder: {behaviour}"), must, || {
            put(name);
            let line = door.host.says(name);
            let code = if line.contains(must) { (*must).to_owned() } else { line };
            Verdict { code, text: String::new() }
        });
    }
    door.row_of(&mut rows, "folder: a pipe, a folder and a link that lead nowhere", "passed over", || {
        let at = |name: &str| policies.join(name);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe.wasm"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        std::fs::create_dir(at("folder.wasm")).unwrap();
        std::os::unix::fs::symlink(Path::new("/etc/passwd"), at("link.wasm")).unwrap();
        let line = door.host.says("leads out of the folder");
        Verdict { code: "passed over".to_owned(), text: line.replace('\n', " ") }
    });
    write("good.wasm", &guest(""));
    door.host.says("taken in from the folder");
    door.is_as_before();
    rows.finish();
}
