//! Actors as they are held while a log is read.

use super::{Actor, Frame, SightingId};
use crate::facts::NameId;
use crate::paged::{Record, record};
use crate::stamps::FirstOfStamp;

/// An actor of a track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) actor: Actor,
    pub(super) stamp_ns: i64,
    pub(super) track: u32,
    pub(super) link: Link,
}

/// What an actor is to others of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    First,
    /// The place of the one before it.
    After(u32),
    /// Nothing: its track are all actors of its subject that have no identity. Its place in its message.
    Unnamed(u32),
}

record!(Member {
    actor: Actor,
    stamp_ns: i64,
    track: u32,
    link: Link,
});

impl Record for Link {
    const BYTES: usize = u64::BYTES;

    fn write(&self, to: &mut Vec<u8>) {
        let code = match self {
            Self::First => 0,
            Self::After(place) => (1 << 32) | u64::from(*place),
            Self::Unnamed(index) => (2 << 32) | u64::from(*index),
        };
        code.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let code = u64::read(from)?;
        let number = code as u32;
        Some(match code >> 32 {
            0 => Self::First,
            1 => Self::After(number),
            _ => Self::Unnamed(number),
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) subject: u32,
    /// Among the identities of the subject; none where its actors have none.
    pub(super) identity: Option<u32>,
    /// Actors of it.
    pub(super) rows: usize,
    /// Place of the last one that came.
    pub(super) last: Option<u32>,
    /// The last sighting that was met, and whether its stamp was new, for actors without identity.
    pub(super) met: Option<(SightingId, bool)>,
    pub(super) stamps: FirstOfStamp,
    pub(super) measured: Measured,
}

/// What the log measures of the actors of a track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Of all of them.
    pub(super) has_velocity: bool,
    pub(super) has_accel: bool,
    /// Of some of them an acceleration other than zero.
    pub(super) accelerates: bool,
}

impl Default for Measured {
    /// Of nobody.
    fn default() -> Self {
        Self {
            has_velocity: true,
            has_accel: true,
            accelerates: false,
        }
    }
}

impl Measured {
    /// The same with an actor more.
    pub(super) fn with(self, actor: &Actor) -> Self {
        Self {
            has_velocity: self.has_velocity && actor.velocity_mps.is_some(),
            has_accel: self.has_accel && actor.accel_mps2.is_some(),
            accelerates: self.accelerates || actor.accel_mps2.is_some_and(|a| a != [0.0, 0.0]),
        }
    }
}

impl Record for Frame {
    const BYTES: usize = u64::BYTES;

    fn write(&self, to: &mut Vec<u8>) {
        let code = match self {
            Self::Map => 0,
            Self::Ego => 1,
            Self::Named(id) => 2 + u64::from(id.0),
        };
        code.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(match u64::read(from)? {
            0 => Self::Map,
            1 => Self::Ego,
            named => Self::Named(NameId(u32::try_from(named - 2).ok()?)),
        })
    }
}
