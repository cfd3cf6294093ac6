//! A project in one language, and a path on which there is nothing but what a story puts there: whether a tool is missing, of the
//! wrong version or fails is what is tried, so that small scripts stand for the tools.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::cli::{Desk, Ran};

/// A new project, and the folder that is the whole path.
pub(super) struct Bench {
    desk: Desk,
    tools: PathBuf,
}

impl Bench {
    pub(super) fn new(language: &str) -> Self {
        let desk = Desk::new();
        let made = desk.run(&["policy", "new", "--lang", language, "web-load", "--dir", "web"]);
        assert_eq!(made.code, 0, "{}", made.err);
        let tools = desk.path().join("tools");
        std::fs::create_dir(&tools).unwrap();
        Self { desk, tools }
    }

    /// A path in the project.
    pub(super) fn project(&self, file: &str) -> PathBuf {
        self.desk.path().join("web").join(file)
    }

    /// Puts a program on the path: lines for the shell.
    pub(super) fn tool(&self, name: &str, lines: &str) {
        let path = self.tools.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `policy build` of the project.
    pub(super) fn build(&self) -> Ran {
        let output = self.desk.command().args(["policy", "build", "web"]).env("PATH", &self.tools).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// That the build ends with this code, and says these words.
    #[track_caller]
    pub(super) fn ends(&self, code: i32, words: &[&str]) {
        let ran = self.build();
        assert_eq!(ran.code, code, "{}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "`{word}` is not in: {}", ran.err);
        }
    }
}
