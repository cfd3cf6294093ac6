//! The snapshot's JSON form and its small rules.
