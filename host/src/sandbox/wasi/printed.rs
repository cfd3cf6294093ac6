//! What a guest prints, kept by line and bounded.

use std::mem;

/// Lines of both streams in the order in which they were completed.
#[derive(Debug)]
pub(super) struct Printed {
    lines: Vec<String>,
    /// Begun lines of stdout and stderr.
    begun: [Vec<u8>; 2],
    lines_max: usize,
    line_bytes_max: usize,
    dropped_bytes: u64,
}

impl Printed {
    pub(super) fn new(lines_max: u32, line_bytes_max: u32) -> Self {
        Self {
            lines: Vec::new(),
            begun: [Vec::new(), Vec::new()],
            lines_max: lines_max as usize,
            line_bytes_max: line_bytes_max as usize,
            dropped_bytes: 0,
        }
    }

    pub(super) fn write(&mut self, is_stderr: bool, bytes: impl Iterator<Item = u8>) {
        for byte in bytes {
            if byte == b'\n' {
                self.complete(is_stderr);
                continue;
            }
            let [stdout, stderr] = &mut self.begun;
            let line = if is_stderr { stderr } else { stdout };
            if line.len() < self.line_bytes_max && self.lines.len() < self.lines_max {
                line.push(byte);
            } else {
                self.dropped_bytes += 1;
            }
        }
    }

    fn complete(&mut self, is_stderr: bool) {
        let [stdout, stderr] = &mut self.begun;
        let line = mem::take(if is_stderr { stderr } else { stdout });
        if !line.is_empty() && self.lines.len() < self.lines_max {
            self.lines.push(String::from_utf8_lossy(&line).into_owned());
        }
    }

    /// All lines; the last one says what was dropped, if anything was.
    pub(super) fn take(&mut self) -> Vec<String> {
        self.complete(false);
        self.complete(true);
        if self.dropped_bytes > 0 {
            self.lines.push(format!("({} printed bytes were not kept)", self.dropped_bytes));
        }
        mem::take(&mut self.lines)
    }
}
