//! Overscaler: its documented behaviours as rows.
