//! The policy-based container autoscaler: its documented behaviours as rows.
