//! Samples and the staleness marker.

use super::Timestamp;

/// Bits of the NaN that marks the end of a series, as Prometheus writes it (`model/value/value.go`).
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The value that says "this series ended here". Any other NaN is an ordinary value.
pub const STALE_MARKER: f64 = f64::from_bits(STALE_BITS);

/// One value of a series at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When the value was true.
    pub at: Timestamp,
    /// The value; may be NaN, an infinity or [`STALE_MARKER`].
    pub value: f64,
}

/// Whether `value` is the staleness marker.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}
