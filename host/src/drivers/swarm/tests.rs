//! Stories
