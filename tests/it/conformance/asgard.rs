//! Asgard's autoscaler: its documented behaviours as rows.
