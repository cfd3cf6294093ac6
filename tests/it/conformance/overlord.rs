//! Overlord: its documented behaviours as rows.
