//! Parts that several message types have.

use driveloop_schemas::pose::Pose;

use crate::ego::checked_pose;
use crate::encoding::cdr::Row;
use crate::encoding::wants::{Number, Scope, Wants};

/// A position and an orientation.
pub(super) struct PoseSlots {
    translation: [Number; 3],
    /// `w, x, y, z`.
    rotation: [Number; 4],
}

impl PoseSlots {
    /// A pose with the fields `position` and `orientation`.
    pub(super) fn at(wants: &mut Wants<'_>, scope: Scope, path: &str) -> Result<Self, String> {
        let (position, orientation) = (format!("{path}.position"), format!("{path}.orientation"));
        Self::of(wants, scope, &position, &orientation)
    }

    pub(super) fn of(
        wants: &mut Wants<'_>,
        scope: Scope,
        position: &str,
        orientation: &str,
    ) -> Result<Self, String> {
        let mut number = |field: &str, axis: &str| wants.number(scope, &format!("{field}.{axis}"));
        Ok(Self {
            translation: [
                number(position, "x")?,
                number(position, "y")?,
                number(position, "z")?,
            ],
            rotation: [
                number(orientation, "w")?,
                number(orientation, "x")?,
                number(orientation, "y")?,
                number(orientation, "z")?,
            ],
        })
    }

    /// The pose, where it is one.
    pub(super) fn pose(&self, row: &Row<'_>) -> Option<Pose> {
        let rotation = self.rotation.map(|slot| row.number(slot));
        checked_pose(rotation, self.translation.map(|slot| row.number(slot)))
    }
}
