//! Lenses of cameras.

use super::target::{Message, Taken, Target};
use crate::assembly::{Assembly, Lens};
use crate::encoding::wants::{Integer, List, MESSAGE, Number, Text, Wants};
use crate::error::Result;
use crate::frames::plain;
use crate::refused::Refused;

/// Coefficients of a lens at most; the largest model of ROS has 14.
const COEFFICIENTS_MAX: usize = 32;

/// `sensor_msgs/msg/CameraInfo`: what the first message of a topic says.
pub(super) struct Lenses {
    frame: Text,
    focal: [Number; 2],
    principal: [Number; 2],
    size: [Integer; 2],
    model: Option<Text>,
    distortion: Option<(List, Number)>,
}

impl Lenses {
    pub(super) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        // ROS 1 writes these names in capitals.
        let matrix = if wants.number(MESSAGE, "k.0").is_ok() {
            "k"
        } else {
            "K"
        };
        let list = wants
            .list(MESSAGE, "d")
            .or_else(|_| wants.list(MESSAGE, "D"));
        let distortion = list
            .ok()
            .and_then(|list| Some((list, wants.number(list.scope, "").ok()?)));
        let mut entry = |at: usize| wants.number(MESSAGE, &format!("{matrix}.{at}"));
        let (focal, principal) = ([entry(0)?, entry(4)?], [entry(2)?, entry(5)?]);
        Ok(Self {
            frame: wants.text(MESSAGE, "header.frame_id")?,
            focal,
            principal,
            size: [
                wants.integer(MESSAGE, "width")?,
                wants.integer(MESSAGE, "height")?,
            ],
            model: wants.text(MESSAGE, "distortion_model").ok(),
            distortion,
        })
    }
}

impl Target for Lenses {
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let row = &message.row;
        let [focal_px, principal_px] =
            [self.focal, self.principal].map(|slots| slots.map(|slot| row.number(slot)));
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
            distortion: self.distortion.map_or_else(Vec::new, |(list, value)| {
                let values = row.list(list).take(COEFFICIENTS_MAX);
                let values = values.map(|element| element.number(value));
                values.filter(sane).collect()
            }),
        };
        drive.sensors.lenses.insert(message.topic.to_owned(), lens);
        Ok(Ok(()))
    }
}
