//! `trimtab import`, as a person or a script meets it.
