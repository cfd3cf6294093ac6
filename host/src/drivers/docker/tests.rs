//! Stories of the driver, told with what a real engine answered.
