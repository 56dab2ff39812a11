//! The types that a set of descriptors declares, by their full names.
//!
//! A set is itself a protobuf message (`google/protobuf/descriptor.proto`). It is read where it lies: nothing is copied but names, and
//! a message type is looked into only when one that is read holds it.

use std::collections::BTreeMap;

use super::wire::{Cursor, WireFault, WireType};
use crate::limits::Limits;

/// Declarations within declarations at most; `protoc` itself refuses more than 32.
const NESTED_MAX: usize = 32;

/// Why a set of descriptors cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DescriptorFault {
    #[error("the descriptor is damaged: {0}")]
    Wire(#[from] WireFault),
    #[error("the descriptor is damaged: at byte {at}: expected a name in UTF-8, got other bytes")]
    Name { at: usize },
    #[error(
        "expected the descriptor of the message type `{name}`, got a set of {types} other types"
    )]
    Missing { name: String, types: usize },
    #[error(
        "expected a descriptor of at most {max} types and fields (definition_steps_max), got more"
    )]
    TooLarge { max: usize },
}

/// The value of a field of a descriptor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    Number(u64),
    Counted(Cursor<'a>),
}

impl<'a> Part<'a> {
    pub(super) fn text(self) -> Result<&'a str, DescriptorFault> {
        let Self::Counted(part) = self else {
            return Ok("");
        };
        let at = part.at();
        std::str::from_utf8(part.rest()).map_err(|_| DescriptorFault::Name { at })
    }

    pub(super) fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Counted(_) => 0,
        }
    }
}

/// Hands the fields of a descriptor on, in their order.
pub(super) fn each<'a>(
    mut descriptor: Cursor<'a>,
    mut take: impl FnMut(u32, Part<'a>) -> Result<(), DescriptorFault>,
) -> Result<(), DescriptorFault> {
    while let Some((number, wire)) = descriptor.key()? {
        match wire {
            WireType::Varint => take(number, Part::Number(descriptor.varint()?))?,
            WireType::Counted => take(number, Part::Counted(descriptor.counted()?))?,
            wire => descriptor.skip(number, wire)?,
        }
    }
    Ok(())
}

/// Whether a file's fields tell "absent" from "zero" where nothing else says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// `proto2`.
    Explicit,
    /// `proto3`, and editions, whose settings are not looked at.
    Implicit,
}

/// A type as it is declared.
#[derive(Debug, Clone, Copy)]
pub(super) enum Declaration<'a> {
    Message(Cursor<'a>, Presence),
    Enum(Cursor<'a>),
}

/// All types of a set.
#[derive(Debug, Default)]
pub(super) struct Declared<'a> {
    types: BTreeMap<String, Declaration<'a>>,
}

impl<'a> Declared<'a> {
    /// Reads a `FileDescriptorSet`.
    pub(super) fn of(set: &'a [u8], limits: &Limits) -> Result<Self, DescriptorFault> {
        let mut declared = Self::default();
        each(Cursor::new(set), |number, part| match (number, part) {
            (1, Part::Counted(file)) => declared.file(file, limits),
            _ => Ok(()),
        })?;
        Ok(declared)
    }

    /// A type by its full name.
    pub(super) fn get(&self, name: &str) -> Option<Declaration<'a>> {
        self.types.get(name).copied()
    }

    pub(super) fn count(&self) -> usize {
        self.types.len()
    }

    fn file(&mut self, file: Cursor<'a>, limits: &Limits) -> Result<(), DescriptorFault> {
        let (mut package, mut syntax) = ("", "proto2");
        each(file, |number, part| {
            match number {
                2 => package = part.text()?,
                12 => syntax = part.text()?,
                _ => {}
            }
            Ok(())
        })?;
        let presence = match syntax {
            "proto2" | "" => Presence::Explicit,
            _ => Presence::Implicit,
        };
        each(file, |number, part| match (number, part) {
            (4, Part::Counted(message)) => self.message(message, package, presence, 0, limits),
            (5, Part::Counted(numbers)) => self.enumeration(numbers, package, limits),
            _ => Ok(()),
        })
    }

    fn message(
        &mut self,
        message: Cursor<'a>,
        within: &str,
        presence: Presence,
        depth: usize,
        limits: &Limits,
    ) -> Result<(), DescriptorFault> {
        let name = full_name(message, within)?;
        let declaration = Declaration::Message(message, presence);
        if depth >= NESTED_MAX || !self.declare(&name, declaration, limits)? {
            return Ok(());
        }
        each(message, |number, part| match (number, part) {
            (3, Part::Counted(nested)) => self.message(nested, &name, presence, depth + 1, limits),
            (4, Part::Counted(numbers)) => self.enumeration(numbers, &name, limits),
            _ => Ok(()),
        })
    }

    fn enumeration(
        &mut self,
        numbers: Cursor<'a>,
        within: &str,
        limits: &Limits,
    ) -> Result<(), DescriptorFault> {
        let name = full_name(numbers, within)?;
        self.declare(&name, Declaration::Enum(numbers), limits)
            .map(drop)
    }

    /// Notes a type, unless its name is too long for one; of several of a name the first.
    fn declare(
        &mut self,
        name: &str,
        declaration: Declaration<'a>,
        limits: &Limits,
    ) -> Result<bool, DescriptorFault> {
        if name.len() > limits.name_bytes_max {
            return Ok(false);
        }
        let max = limits.definition_steps_max;
        if self.types.len() >= max {
            return Err(DescriptorFault::TooLarge { max });
        }
        self.types.entry(name.to_owned()).or_insert(declaration);
        Ok(true)
    }
}

/// The full name of a message or enumeration type.
fn full_name(descriptor: Cursor<'_>, within: &str) -> Result<String, DescriptorFault> {
    let mut name = "";
    each(descriptor, |number, part| {
        if number == 1 {
            name = part.text()?;
        }
        Ok(())
    })?;
    Ok(match within {
        "" => name.to_owned(),
        within => format!("{within}.{name}"),
    })
}
