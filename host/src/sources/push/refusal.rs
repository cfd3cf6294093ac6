//! Why something that was sent is not taken.

/// Why a sample is not taken. The others of its request are not disturbed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushRefusal {
    /// It is from the future.
    #[error("it was measured at {at_ms}, and now is {now_ms}")]
    Future {
        /// When it says that it was measured.
        at_ms: u64,
        /// The host's time.
        now_ms: u64,
    },
    /// It is older than anything that is kept.
    #[error("it was measured at {at_ms}, and now is {now_ms}: nothing older than {keep_ms} ms is kept")]
    Old {
        /// When it was measured.
        at_ms: u64,
        /// The host's time.
        now_ms: u64,
        /// How long samples are kept.
        keep_ms: u64,
    },
    /// Not a number, or infinite.
    #[error("the value is not a finite number")]
    NotFinite,
    /// A counter that grew by less than nothing.
    #[error("a counter cannot grow by less than nothing")]
    Shrunk,
    /// By how much a counter grew, for a time that is not after the one before.
    #[error("it says by how much a counter grew until {at_ms}, and what is known goes until {newest_ms}")]
    Overlaps {
        /// The end of the time that it is about.
        at_ms: u64,
        /// The newest sample.
        newest_ms: u64,
    },
    /// A text that is no state.
    #[error("the text is longer than 128 bytes, or holds control characters")]
    Text,
    /// A name that cannot be an instance's.
    #[error("the name of the instance is empty, longer than 253 bytes, or holds control characters")]
    Owner,
    /// There is no room for another series.
    #[error("there are {series_max} series already")]
    Full {
        /// Most that may be.
        series_max: usize,
    },
}

impl PushRefusal {
    /// Its word, for programs: never changes its meaning.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Future { .. } => "from-the-future",
            Self::Old { .. } => "too-old",
            Self::NotFinite => "not-finite",
            Self::Shrunk => "shrunk",
            Self::Overlaps { .. } => "overlaps",
            Self::Text => "bad-text",
            Self::Owner => "bad-owner",
            Self::Full { .. } => "too-many-series",
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Future { .. } => "set the sender's clock, or leave at_ms out for now",
            Self::Old { .. } => "send samples sooner, or raise keep_ms of the source",
            Self::NotFinite => "leave out what was not measured: then it is absent, which is not zero",
            Self::Shrunk => "send the counter's value itself",
            Self::Overlaps { .. } => "send each stretch of time once, in order",
            Self::Text => "send a short word",
            Self::Owner => "name the instance as GET /v1/targets/{driver}/{name} does",
            Self::Full { .. } => "send fewer, or raise series_max of the source",
        }
    }
}
