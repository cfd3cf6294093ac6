//! Very many evaluations and uploads, hostile ones among them, and nothing grows: not memory, files, descriptors, threads or
//! processes.
//!
//! A little of it runs with every test, more where `TRIMTAB_LONG` is set, and all of it, a million evaluations and ten thousand
//! uploads, by `cargo xtask soak`, which says how much in `TRIMTAB_SOAK`.

mod evaluations;
mod mark;
mod uploads;

use crate::hostile::table::alone;

/// How much of it.
#[derive(Debug, Clone, Copy)]
struct Amount {
    evaluations: u64,
    uploads: u64,
}

impl Amount {
    fn wanted() -> Self {
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse().ok());
        if let Ok(wanted) = std::env::var("TRIMTAB_SOAK") {
            let mut parts = wanted.split(',');
            let wanted = number(parts.next()).zip(number(parts.next()));
            let Some((evaluations, uploads)) = wanted else { panic!("TRIMTAB_SOAK is EVALUATIONS,UPLOADS") };
            return Self { evaluations, uploads };
        }
        match std::env::var_os("TRIMTAB_LONG") {
            Some(_) => Self { evaluations: 100_000, uploads: 500 },
            None => Self { evaluations: 2_000, uploads: 30 },
        }
    }
}

#[test]
fn long_evaluations_leave_nothing_behind() {
    alone("soak::long_evaluations_leave_nothing_behind", || evaluations::soak(Amount::wanted().evaluations));
}

#[test]
fn long_uploads_to_a_host_that_turns_leave_nothing_behind() {
    uploads::soak(Amount::wanted().uploads);
}
