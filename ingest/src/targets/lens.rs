//! Lenses of cameras.

use super::slots::{at_first, frame};
use super::target::{Message, Taken, Target};
use crate::assembly::{Assembly, Lens};
use crate::encoding::rows::Row;
use crate::encoding::wants::{Integer, List, MESSAGE, Number, Text, Wants};
use crate::error::Result;
use crate::frames::plain;
use crate::refused::Refused;

/// Coefficients of a lens at most; the largest model of ROS has 14.
const COEFFICIENTS_MAX: usize = 32;

/// The matrix of a lens, in rows: ROS 2; ROS 1 and Foxglove.
const MATRIX: [&str; 2] = ["k", "K"];
/// The coefficients of its distortion.
const DISTORTION: [&str; 2] = ["d", "D"];

/// `sensor_msgs/msg/CameraInfo`, `foxglove.CameraCalibration`: what the first message of a topic says.
pub(super) struct Lenses {
    frame: Text,
    matrix: Numbers,
    size: [Integer; 2],
    model: Option<Text>,
    distortion: Option<Numbers>,
}

/// A list of numbers.
struct Numbers {
    list: List,
    number: Number,
}

impl Numbers {
    fn at(wants: &mut Wants<'_>, path: &str) -> Result<Self, String> {
        let list = wants.list(MESSAGE, path)?;
        let number = wants.number(list.scope, "")?;
        Ok(Self { list, number })
    }

    fn of<'a>(&self, row: &Row<'a>) -> impl Iterator<Item = f64> + use<'a> {
        let number = self.number;
        row.list(self.list)
            .map(move |element| element.number(number))
    }
}

impl Lenses {
    pub(super) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            frame: frame(wants, MESSAGE)?,
            matrix: at_first(&MATRIX, |path| Numbers::at(wants, path))?,
            size: [
                wants.integer(MESSAGE, "width")?,
                wants.integer(MESSAGE, "height")?,
            ],
            model: wants.text(MESSAGE, "distortion_model").ok(),
            distortion: at_first(&DISTORTION, |path| Numbers::at(wants, path)).ok(),
        })
    }
}

impl Target for Lenses {
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let row = &message.row;
        let mut matrix = [f64::NAN; 9];
        for (entry, number) in matrix.iter_mut().zip(self.matrix.of(row)) {
            *entry = number;
        }
        let (focal_px, principal_px) = ([matrix[0], matrix[4]], [matrix[2], matrix[5]]);
        let sane = |number: &f64| number.is_finite();
        // A camera that is not calibrated says so by a focal length of zero.
        if !focal_px.iter().chain(&principal_px).all(sane) || focal_px.contains(&0.0) {
            return Ok(Err(Refused::field("k")));
        }
        if let Some(lens) = drive.sensors.lenses.get_mut(message.topic) {
            lens.messages += 1;
            return Ok(Ok(()));
        }
        let lens = Lens {
            frame: plain(row.text(self.frame)).to_owned(),
            messages: 1,
            focal_px,
            principal_px,
            size_px: self.size.map(|slot| row.integer(slot)),
            model: self.model.map_or("", |slot| row.text(slot)).to_owned(),
            distortion: self.distortion.as_ref().map_or_else(Vec::new, |numbers| {
                let numbers = numbers.of(row).take(COEFFICIENTS_MAX);
                numbers.filter(sane).collect()
            }),
        };
        drive.sensors.lenses.insert(message.topic.to_owned(), lens);
        Ok(Ok(()))
    }
}
