//! What kind of thing an object is.

use crate::encoding::rows::Row;
use crate::encoding::wants::{Integer, List, Number, Scope, Text, Wants};

/// Category of an actor that the log gives no class.
const UNKNOWN: &str = "UNKNOWN";
/// Names and categories of the labels of `autoware_perception_msgs/msg/ObjectClassification`.
const LABELS: [(&str, &str); 12] = [
    ("UNKNOWN", UNKNOWN),
    ("CAR", "REGULAR_VEHICLE"),
    ("TRUCK", "TRUCK"),
    ("BUS", "BUS"),
    ("TRAILER", "VEHICULAR_TRAILER"),
    ("MOTORCYCLE", "MOTORCYCLE"),
    ("BICYCLE", "BICYCLE"),
    ("PEDESTRIAN", "PEDESTRIAN"),
    ("ANIMAL", "ANIMAL"),
    ("HAZARD", "HAZARD"),
    ("OVER_DRIVABLE", "OVER_DRIVABLE"),
    ("UNDER_DRIVABLE", "UNDER_DRIVABLE"),
];

/// How an actor is classified: the most probable of several.
pub(super) enum Class {
    Label {
        list: List,
        label: Integer,
        probability: Option<Number>,
    },
    Name {
        list: List,
        name: Text,
        score: Option<Number>,
    },
    Number {
        list: List,
        number: Integer,
        score: Option<Number>,
    },
}

impl Class {
    /// Labels of Autoware, with their probabilities.
    pub(super) fn labels(wants: &mut Wants<'_>, scope: Scope) -> Result<Self, String> {
        let list = wants.list(scope, "classification")?;
        Ok(Self::Label {
            list,
            label: wants.integer(list.scope, "label")?,
            probability: wants.number(list.scope, "probability").ok(),
        })
    }

    /// Hypotheses of `vision_msgs`: since 3.0 in a message of their own, before with the class as text, or as number, in `id`.
    pub(super) fn hypotheses(wants: &mut Wants<'_>, scope: Scope) -> Result<Self, String> {
        let list = wants.list(scope, "results")?;
        let score = wants.number(list.scope, "hypothesis.score");
        let score = score.or_else(|_| wants.number(list.scope, "score")).ok();
        let name = wants.text(list.scope, "hypothesis.class_id");
        let name = name.or_else(|_| wants.text(list.scope, "id"));
        if let Ok(name) = name {
            return Ok(Self::Name { list, name, score });
        }
        let number = wants.integer(list.scope, "id")?;
        Ok(Self::Number {
            list,
            number,
            score,
        })
    }

    /// Gives the name of the most probable class on; of equal ones the first.
    pub(super) fn with_name<T>(&self, object: &Row<'_>, take: impl FnOnce(&str) -> T) -> T {
        match *self {
            Self::Label {
                list,
                label,
                probability,
            } => {
                let label = best(object, list, probability).map(|class| class.integer(label));
                let known = label.and_then(|label| LABELS.get(usize::try_from(label).ok()?));
                match (known, label) {
                    (Some((name, _)), _) => take(name),
                    (None, Some(label)) => take(&format!("LABEL_{label}")),
                    (None, None) => take(UNKNOWN),
                }
            }
            Self::Name { list, name, score } => {
                take(best(object, list, score).map_or(UNKNOWN, |result| result.text(name)))
            }
            Self::Number {
                list,
                number,
                score,
            } => match best(object, list, score) {
                Some(result) => take(&format!("CLASS_{}", result.integer(number))),
                None => take(UNKNOWN),
            },
        }
    }
}

fn best<'a>(object: &Row<'a>, list: List, score: Option<Number>) -> Option<Row<'a>> {
    let mut best: Option<(Row<'a>, f64)> = None;
    for class in object.list(list) {
        let score = score.map_or(0.0, |slot| class.number(slot));
        if best.is_none_or(|(_, most)| score > most) {
            best = Some((class, score));
        }
    }
    best.map(|(class, _)| class)
}

/// The category of a class name: that of the label of the same name, or the name itself, in capitals.
pub(super) fn category_of(class: &str) -> String {
    let name = class.trim().to_uppercase().replace([' ', '-'], "_");
    let label = LABELS.iter().find(|(label, _)| *label == name);
    match label {
        Some((_, category)) => (*category).to_owned(),
        None if name.is_empty() || name.starts_with("LABEL_") => UNKNOWN.to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::category_of;

    #[test]
    fn classes_become_categories() {
        for (class, category) in [
            ("car", "REGULAR_VEHICLE"),
            ("REGULAR_VEHICLE", "REGULAR_VEHICLE"),
            ("construction cone", "CONSTRUCTION_CONE"),
            ("animal", "ANIMAL"),
            ("LABEL_99", "UNKNOWN"),
            ("", "UNKNOWN"),
        ] {
            assert_eq!(category_of(class), category);
        }
    }
}
