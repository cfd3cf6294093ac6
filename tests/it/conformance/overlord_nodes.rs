//! Overlord: which nodes it makes, keeps and gives back.
