//! Messages of protobuf, by the set of descriptors that a log carries (`FileDescriptorSet`).
//!
//! Fields are read where they lie in the message. What is not wanted is gone over, so that recursive types and large fields that
//! nobody asks for cost nothing.

mod declared;
mod descriptor;
mod program;
#[cfg(test)]
mod tests;
mod walk;
mod wire;

pub(crate) use descriptor::Numbered;
pub(crate) use program::Program;

use super::definition::Definition;
use crate::limits::Limits;

/// Reads the definition of a message type out of a set of descriptors. The error says what is wrong with the set.
pub(super) fn definition(
    name: &str,
    set: &[u8],
    limits: &Limits,
) -> Result<(Definition, Numbered), String> {
    descriptor::definition(name, set, limits).map_err(|fault| fault.to_string())
}
