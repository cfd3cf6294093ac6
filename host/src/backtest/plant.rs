//! What the plant is: so many units of demand per replica, delays, sizes and prices.

use serde::Serialize;

use crate::snapshot::Size;

/// More than this is a slip.
const FIGURE_MAX: f64 = 1e12;
const DELAY_MS_MAX: u64 = 24 * 3600 * 1000;
const REPLICAS_MAX: u32 = 10_000;
const SIZES_MAX: usize = 64;

/// A simple, stated plant. Its formulas stand in `docs/backtest.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plant {
    /// Units of demand per second that one replica of the starting size serves.
    pub capacity: f64,
    /// From the making of a replica until it serves.
    pub start_up_ms: u64,
    /// From the end of a replica's serving until it is gone.
    pub stop_ms: u64,
    /// Whether demand that finds no capacity waits; else it is lost.
    pub queue: bool,
    /// Replicas at the start; `None`: enough for the first demand, within the range.
    pub replicas: Option<u32>,
    /// CPU of a replica at the start, request and limit, thousandths of a core.
    pub cpu_millis: u64,
    /// Memory of a replica at the start, request and limit.
    pub memory_bytes: u64,
    /// Memory that a replica uses without load.
    pub memory_base_bytes: u64,
    /// Memory that a replica uses for each unit of demand per second that it serves.
    pub memory_per_load_bytes: u64,
    /// Price of an hour of one replica of the starting size; half of it is for the CPU, half for the memory.
    pub price_per_hour: f64,
    /// Sizes that the backend offers; none: any figures can be set.
    pub sizes: Vec<Size>,
}

impl Default for Plant {
    fn default() -> Self {
        Self {
            capacity: 100.0,
            start_up_ms: 30_000,
            stop_ms: 10_000,
            queue: false,
            replicas: None,
            cpu_millis: 1000,
            memory_bytes: 1 << 30,
            memory_base_bytes: 256 << 20,
            memory_per_load_bytes: 4 << 20,
            price_per_hour: 0.05,
            sizes: Vec::new(),
        }
    }
}

/// A plant that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlantError {
    /// A figure must be more than nothing.
    #[error("the {what} of a replica is {value}; {remedy}")]
    Figure {
        /// Which.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What to do.
        remedy: &'static str,
    },
    /// A delay is a slip.
    #[error("the {what} is longer than a day; write \"30s\"")]
    Delay {
        /// Which.
        what: &'static str,
    },
    /// Too many replicas.
    #[error("{replicas} replicas at the start are more than {REPLICAS_MAX}; start with fewer")]
    Replicas {
        /// How many.
        replicas: u32,
    },
    /// A size makes no sense.
    #[error("the size {class:?} {what}")]
    Size {
        /// Which.
        class: String,
        /// What is wrong, and what to do.
        what: &'static str,
    },
}

impl Plant {
    /// Whether such a plant can be.
    ///
    /// # Errors
    /// The first figure that makes no sense.
    pub fn check(&self) -> Result<(), PlantError> {
        let figure = |what, value, remedy| Err(PlantError::Figure { what, value, remedy });
        if !(self.capacity > 0.0 && self.capacity <= FIGURE_MAX) {
            return figure("capacity", self.capacity, "it must serve something: --capacity 100");
        }
        if !(self.price_per_hour >= 0.0 && self.price_per_hour <= FIGURE_MAX) {
            return figure("price", self.price_per_hour, "a price is at least 0: --price 0.05");
        }
        if self.cpu_millis == 0 || self.cpu_millis > 1_000_000 {
            return figure("CPU in millicores", float(self.cpu_millis), "write --cpu 500m, at most 1000");
        }
        if self.memory_bytes == 0 || self.memory_bytes > 1 << 45 {
            return figure("memory in bytes", float(self.memory_bytes), "write --memory 512Mi, at most 32Ti");
        }
        if self.memory_base_bytes > 1 << 45 || self.memory_per_load_bytes > 1 << 45 {
            return figure("memory use", float(self.memory_base_bytes), "it is at most 32Ti");
        }
        for (what, delay_ms) in [("start-up", self.start_up_ms), ("stop delay", self.stop_ms)] {
            if delay_ms > DELAY_MS_MAX {
                return Err(PlantError::Delay { what });
            }
        }
        if let Some(replicas) = self.replicas.filter(|replicas| *replicas > REPLICAS_MAX) {
            return Err(PlantError::Replicas { replicas });
        }
        self.check_sizes()
    }

    fn check_sizes(&self) -> Result<(), PlantError> {
        for (at, size) in self.sizes.iter().enumerate() {
            let wrong = |what| Err(PlantError::Size { class: size.class.clone(), what });
            if at >= SIZES_MAX {
                return wrong("is one too many: 64 are allowed");
            }
            if self.sizes.iter().take(at).any(|other| other.class == size.class) {
                return wrong("is there twice; give each a name of its own");
            }
            if size.resources.cpu_millis.unwrap_or(0) == 0 || size.resources.memory_bytes.unwrap_or(0) == 0 {
                return wrong("has no CPU or no memory; write --size small=500m:512Mi:0.02");
            }
            if !size.price_per_hour.is_none_or(|price| price.is_finite() && price >= 0.0) {
                return wrong("has no price that can be paid; write --size small=500m:512Mi:0.02");
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures of CPU, memory and time stay far below 2^53")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
