//! Parts that several message types have.

use driveloop_schemas::pose::Pose;

use crate::ego::checked_pose;
use crate::encoding::rows::Row;
use crate::encoding::wants::{Integer, Number, Scope, Text, Wants};
use crate::stamps::stamp_ns;

/// The frame of a message: of ROS, of Foxglove.
const FRAME: [&str; 2] = ["header.frame_id", "frame_id"];
/// Names of the parts of a stamp: ROS 2, Foxglove in JSON, ROS 1, protobuf.
const STAMP_PARTS: [(&str, &str); 5] = [
    ("sec", "nanosec"),
    ("sec", "nsec"),
    ("secs", "nsecs"),
    ("seconds", "nanos"),
    ("seconds", "nanoseconds"),
];

/// What is first at one of several paths: message types name the same thing differently. The error is that of the first path.
pub(super) fn at_first<T>(
    paths: &[&str],
    mut want: impl FnMut(&str) -> Result<T, String>,
) -> Result<T, String> {
    let mut first_error = None;
    for path in paths {
        match want(path) {
            Ok(wanted) => return Ok(wanted),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or_default())
}

/// The frame that a message, or an element of a list, is given in.
pub(super) fn frame(wants: &mut Wants<'_>, scope: Scope) -> Result<Text, String> {
    at_first(&FRAME, |path| wants.text(scope, path))
}

/// A stamp of seconds and nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StampParts {
    seconds: Integer,
    rest: Integer,
}

impl StampParts {
    /// The stamp at a path; none where other parts are there, or none.
    pub(crate) fn at(wants: &mut Wants<'_>, scope: Scope, path: &str) -> Option<Self> {
        STAMP_PARTS.into_iter().find_map(|(seconds, rest)| {
            let seconds = wants.integer(scope, &format!("{path}.{seconds}")).ok()?;
            let rest = wants.integer(scope, &format!("{path}.{rest}")).ok()?;
            Some(Self { seconds, rest })
        })
    }

    /// Nanoseconds since 1970; `Ok(None)` where the stamp is left at zero. The error is what it is instead.
    pub(crate) fn stamp_ns(self, row: &Row<'_>) -> Result<Option<i64>, String> {
        match (row.integer(self.seconds), row.integer(self.rest)) {
            (0, 0) => Ok(None),
            (seconds, rest) => stamp_ns(seconds, rest)
                .map(Some)
                .ok_or_else(|| format!("{seconds} s, {rest} ns")),
        }
    }
}

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
