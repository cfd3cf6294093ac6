//! What the systems that Trimtab replaces decide, row by row, and what Trimtab makes of it: the answer of the policy in its compatible mode,
//! and the restraint that the bounds put on it. The tables beside this file are approved output, to be read like tables.

mod asgard;
mod aviratna;
mod droplet;
mod overlord_nodes;
mod overlord_rules;
mod overscaler;
mod table;

pub(crate) use self::table::Table;
