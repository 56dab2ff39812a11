//! The arguments of kinematics and selectors.

use datafusion::common::plan_datafusion_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::sqlparser::ast::{Expr as Ast, Value};

use super::{
    Actors, Bounds, Crossing, Direction, InDirection, Itself, Mode, Near, Selection, Selector,
    Sense,
};
use crate::kinematics::Recipe;
use crate::operators::Call;

/// The directions, seen from a box.
const DIRECTIONS: [(&str, Direction); 4] = [
    ("forward", Direction::Forward),
    ("backward", Direction::Backward),
    ("left", Direction::Left),
    ("right", Direction::Right),
];

/// The arguments with a name, and the text of those that were taken.
pub(super) struct Arguments<'c, 'p> {
    call: &'c mut Call<'p>,
    given: Vec<String>,
}

impl<'c, 'p> Arguments<'c, 'p> {
    pub(super) fn new(call: &'c mut Call<'p>) -> Self {
        Self {
            call,
            given: Vec::new(),
        }
    }

    /// The call, for plans.
    pub(super) fn text(&self) -> String {
        format!("{}({})", self.call.name, self.given.join(", "))
    }

    fn take(&mut self, name: &str) -> Option<Ast> {
        let ast = self.call.named(name)?;
        self.given.push(format!("{name} => {ast}"));
        Some(ast)
    }

    /// What to say of an argument that is another thing, or is not there.
    fn wrong(&self, given: Option<&Ast>, expected: &str) -> DataFusionError {
        if let Some(ast) = given {
            return self.call.error(ast, &format!("{expected}, got {ast}"));
        }
        plan_datafusion_err!("{}: {expected}", self.call.name)
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &str,
        default: Option<&str>,
        choices: &[(&str, T)],
    ) -> Result<T> {
        let given = self.take(name);
        let word = match &given {
            Some(ast) => text(ast),
            None => default,
        };
        let found = choices.iter().find(|(choice, _)| Some(*choice) == word);
        if let Some((_, value)) = found {
            return Ok(*value);
        }
        let words: Vec<String> = choices
            .iter()
            .map(|(choice, _)| format!("'{choice}'"))
            .collect();
        let expected = format!("expected {name} => {}", words.join(" or "));
        Err(self.wrong(given.as_ref(), &expected))
    }

    /// A selector with what all of them have.
    pub(super) fn selection(
        &mut self,
        selector: impl FnOnce(&mut Self) -> Result<Selector>,
    ) -> Result<Selection> {
        let modes = [("documented", Mode::Documented), ("refav", Mode::RefAv)];
        let mode = self.choice("mode", Some("documented"), &modes)?;
        let selector = selector(self)?;
        let tracks = self.actors("tracks")?;
        let related = if selector.is_relational() {
            self.actors("related")?
        } else {
            tracks.clone()
        };
        Ok(Selection {
            mode,
            selector,
            tracks,
            related,
        })
    }

    pub(super) fn recipe(&mut self) -> Result<Recipe> {
        let recipes = [
            ("local_fit", Recipe::default()),
            ("refav", Recipe::MedianOfDifferences),
        ];
        self.choice("recipe", Some("local_fit"), &recipes)
    }

    fn actors(&mut self, name: &str) -> Result<Actors> {
        let given = self.take(name);
        let word = given.as_ref().map_or(Some("ANY"), text);
        word.and_then(Actors::parse).ok_or_else(|| {
            let expected = format!("expected {name} => '[moving ]CATEGORY[|CATEGORY]…'");
            self.wrong(given.as_ref(), &expected)
        })
    }

    /// A bound; null is the one that nothing passes.
    pub(super) fn bound(&mut self, name: &str, default: f64, none: f64) -> Result<f64> {
        match self.take(name) {
            None => Ok(default),
            Some(ast) if is_null(&ast) => Ok(none),
            Some(ast) => self.call.number(ast),
        }
    }

    pub(super) fn bounds(&mut self, [min, max]: [&str; 2], min_default: f64) -> Result<Bounds> {
        Ok(Bounds {
            min: self.bound(min, min_default, f64::NEG_INFINITY)?,
            max: self.bound(max, f64::INFINITY, f64::INFINITY)?,
        })
    }

    /// A whole number of at least one; null is the greatest.
    fn count(&mut self, name: &str, default: usize) -> Result<usize> {
        match self.take(name) {
            None => Ok(default),
            Some(ast) if is_null(&ast) => Ok(usize::MAX),
            Some(ast) => {
                let number = self.call.number(ast.clone())?;
                if number < 1.0 || number.fract() != 0.0 {
                    let message = format!("expected {name} as a whole number of at least 1");
                    return Err(self.call.error(&ast, &message));
                }
                // Conversion from float saturates.
                Ok(number as usize)
            }
        }
    }

    pub(super) fn near(&mut self) -> Result<Near> {
        let itself = [("left_out", Itself::IsLeftOut), ("counts", Itself::Counts)];
        Ok(Near {
            distance_max_m: self.bound("distance_max_m", 10.0, f64::INFINITY)?,
            count_min: self.count("count_min", 1)?,
            itself: self.choice("itself", Some("left_out"), &itself)?,
        })
    }

    pub(super) fn in_direction(&mut self) -> Result<InDirection> {
        Ok(InDirection {
            direction: self.choice("direction", None, &DIRECTIONS)?,
            distance_max_m: self.bound("distance_max_m", 50.0, f64::INFINITY)?,
            beside_max_m: self.bound("beside_max_m", f64::INFINITY, f64::INFINITY)?,
            count_min: self.count("count_min", 1)?,
            count_max: self.count("count_max", usize::MAX)?,
        })
    }

    pub(super) fn crossing(&mut self) -> Result<Crossing> {
        let senses = [
            ("either", Sense::Either),
            ("clockwise", Sense::Clockwise),
            ("counterclockwise", Sense::Counterclockwise),
        ];
        Ok(Crossing {
            direction: self.choice("direction", Some("forward"), &DIRECTIONS)?,
            sense: self.choice("sense", Some("either"), &senses)?,
            reach_m: self.bound("reach_m", 10.0, f64::INFINITY)?,
            beside_max_m: self.bound("beside_max_m", 5.0, f64::INFINITY)?,
        })
    }
}

/// The text of a string.
fn text(ast: &Ast) -> Option<&str> {
    match ast {
        Ast::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn is_null(ast: &Ast) -> bool {
    matches!(ast, Ast::Value(value) if value.value == Value::Null)
}
