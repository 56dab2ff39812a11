//! What can be wrong with a feather file.

use std::fmt;

use crate::error::Error;

/// A part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Footer,
    /// The number of a dictionary batch.
    Dictionary(usize),
    /// The number of a record batch.
    Batch(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Footer => f.write_str("the footer"),
            Self::Dictionary(number) => write!(f, "dictionary batch {number}"),
            Self::Batch(number) => write!(f, "record batch {number}"),
        }
    }
}

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The file contradicts itself, or is of another kind.
    Damaged {
        place: Place,
        expected: &'static str,
        actual: String,
    },
    /// The file asks for more than a limit allows.
    Limit {
        limit: &'static str,
        max: u64,
        actual: u64,
    },
}

impl Fault {
    pub(super) fn damaged(place: Place, expected: &'static str, actual: impl fmt::Display) -> Self {
        Self::Damaged {
            place,
            expected,
            actual: actual.to_string(),
        }
    }

    /// The error of the drive whose file this is.
    pub(super) fn of_file(self, file: &str) -> Error {
        match self {
            Self::Damaged {
                place,
                expected,
                actual,
            } => Error::Format {
                file: file.to_owned(),
                expected: format!("a feather (Arrow IPC) file with {expected}"),
                actual: format!("{actual} in {place}"),
            },
            Self::Limit { limit, max, actual } => Error::Limit {
                subject: file.to_owned(),
                limit,
                max,
                actual,
            },
        }
    }
}

/// What is left of a limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    limit: &'static str,
    max: u64,
    used: u64,
}

impl Budget {
    pub(super) fn new(limit: &'static str, max: u64) -> Self {
        Self {
            limit,
            max,
            used: 0,
        }
    }

    /// Takes an amount, where so much is left.
    pub(super) fn take(&mut self, amount: u64) -> Result<(), Fault> {
        self.used = self.used.saturating_add(amount);
        if self.used > self.max {
            return Err(Fault::Limit {
                limit: self.limit,
                max: self.max,
                actual: self.used,
            });
        }
        Ok(())
    }
}
