//! Serialises a number in JSON by its bits, so that it is restored exactly, infinite or not.

/// The smallest f64 that rounds to no finite f32: half a step beyond the largest of these.
pub const BEYOND_F32: f64 = 3.402_823_567_797_336_6e38;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    format!("{:016x}", value.to_bits()).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = String::deserialize(deserializer)?;
    u64::from_str_radix(&text, 16).map(f64::from_bits).map_err(|_| D::Error::custom("expected the bits of a number"))
}
