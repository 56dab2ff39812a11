//! A definition and the wanted fields, compiled into steps over the bytes of a message.
//!
//! Fields of fixed size that follow each other are one step: where each lies in it is known ahead, because CDR aligns a value to its
//! own size, counted from the start of the message body, and a step begins at the alignment of its first field.

use super::definition::{Kind, Scalar};
use super::wants::{Form, Rows, Scope, Wants};
use crate::limits::Limits;

/// The largest array of fixed size: no message is longer.
const ARRAY_BYTES_MAX: usize = u32::MAX as usize;

/// The largest alignment of XCDR2.
const XCDR2_ALIGN_MAX: usize = 4;

/// How messages are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// CDR of ROS 2, with four bytes before each message that say which order of bytes it has.
    Cdr,
    /// ROS 1: little-endian, one value behind the other.
    Ros1,
}

/// A program for each alignment that messages of a channel may have.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(super) wire: Wire,
    /// Values are aligned to their size (XCDR1).
    pub(super) aligned: Program,
    /// Values are aligned to four bytes at most (XCDR2, DDS-XTypes 1.3, 7.4.2).
    pub(super) half_aligned: Option<Program>,
    /// Whether a wide text is among the fields: whose units have two bytes with some writers, and four with others.
    pub(super) has_wide_text: bool,
}

impl Programs {
    /// Compiles. The error says why the definition cannot be read: cycles and definitions that grow past the limits.
    pub(crate) fn compile(wants: &Wants<'_>, wire: Wire, limits: &Limits) -> Result<Self, String> {
        let aligned = match wire {
            Wire::Cdr => Program::compile(wants, 8, limits)?,
            Wire::Ros1 => Program::compile(wants, 1, limits)?,
        };
        let has_wide_text = aligned.steps.contains(&Step::WideText);
        let half_aligned = match wire {
            Wire::Cdr => Some(Program::compile(wants, XCDR2_ALIGN_MAX, limits)?),
            Wire::Ros1 => None,
        };
        Ok(Self {
            wire,
            aligned,
            half_aligned,
            has_wide_text,
        })
    }

    /// Steps and values, as a measure of how large the definition is.
    pub(crate) fn size(&self) -> usize {
        self.aligned.steps.len() + self.aligned.takes.len()
    }
}

/// The steps over a message.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    pub(crate) takes: Vec<Take>,
    /// Slots of a row of each scope.
    pub(crate) slots: Vec<u16>,
    /// The largest alignment.
    pub(crate) align_max: usize,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Fields of fixed size: aligned, so many bytes, some of them taken.
    Fixed {
        align: usize,
        bytes: usize,
        takes: (usize, usize),
    },
    /// A text.
    Text { slot: Option<u16> },
    /// A text of wide units; nothing takes it.
    WideText,
    /// Counted values of one size.
    Scalars {
        bytes: usize,
        align: usize,
        slot: Option<u16>,
    },
    /// Elements, counted where `count` is none; the next `steps` steps are those of one element. `scope` and slot where they are wanted.
    List {
        count: Option<usize>,
        steps: usize,
        values: usize,
        /// Bytes before the list that say how long it is: XCDR2 writes them where elements are no numbers.
        delimiter_bytes: usize,
        wanted: Option<(Scope, u16)>,
    },
}

/// A value within a step of fixed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Take {
    pub(crate) offset: usize,
    pub(crate) what: What,
    pub(crate) slot: u16,
}

/// How a value is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Number(Scalar),
    Integer(Scalar),
    /// So many octets.
    Bytes(usize),
}

impl Program {
    fn compile(wants: &Wants<'_>, align_max: usize, limits: &Limits) -> Result<Self, String> {
        let mut compiler = Compiler {
            wants,
            limits,
            align_max,
            program: Self {
                steps: Vec::new(),
                takes: Vec::new(),
                slots: wants.scopes.iter().map(|rows| rows.slots).collect(),
                align_max,
            },
            open: None,
        };
        // The body begins at the largest alignment.
        compiler.begin(align_max);
        compiler.walk(&Kind::Struct(0), &mut Vec::new(), 0, 0)?;
        Ok(compiler.program)
    }
}

struct Compiler<'a> {
    wants: &'a Wants<'a>,
    limits: &'a Limits,
    /// Values are aligned to their size, or to this where that is less; the body begins at it.
    align_max: usize,
    program: Program,
    /// The step of fixed size that may still grow.
    open: Option<usize>,
}

impl Compiler<'_> {
    /// Adds the steps over a value; returns how many values it has at least.
    fn walk(
        &mut self,
        kind: &Kind,
        place: &mut Vec<usize>,
        scope: usize,
        depth: usize,
    ) -> Result<usize, String> {
        if depth > self.limits.depth_max {
            let max = self.limits.depth_max;
            return Err(format!(
                "expected at most {max} messages within messages (depth_max), got more: too deep, or a cycle"
            ));
        }
        if self.program.steps.len() + self.program.takes.len() > self.limits.definition_steps_max {
            let max = self.limits.definition_steps_max;
            return Err(format!(
                "expected a definition of at most {max} steps (definition_steps_max), got more"
            ));
        }
        match kind {
            Kind::Scalar(scalar) => self.scalars(*scalar, 1, place, scope),
            // No text form of ROS has enumerations; an IDL writes them as whole numbers of 32 bits.
            Kind::Enum(_) => self.scalars(Scalar::U32, 1, place, scope),
            Kind::Text => {
                let slot = self.slot(place, scope, Form::Text);
                self.push(Step::Text { slot });
            }
            Kind::WideText => {
                self.push(Step::WideText);
            }
            Kind::Struct(at) => {
                let mut values = 0;
                for (index, field) in self.wants.definition.structs[*at].fields.iter().enumerate() {
                    place.push(index);
                    values += self.walk(&field.kind, place, scope, depth + 1)?;
                    place.pop();
                }
                return Ok(values.max(1));
            }
            Kind::Array(element, count) => match element.as_ref() {
                Kind::Scalar(scalar) if count.saturating_mul(scalar.bytes()) > ARRAY_BYTES_MAX => {
                    return Err(format!(
                        "expected an array of at most 4 GiB, got {count} elements"
                    ));
                }
                Kind::Scalar(scalar) if self.elements(place, scope).is_none() => {
                    self.scalars(*scalar, *count, place, scope);
                }
                element => return self.list(element, Some(*count), place, scope, depth),
            },
            Kind::Sequence(element) => match element.as_ref() {
                Kind::Scalar(scalar) if self.elements(place, scope).is_none() => {
                    let slot = self.slot(place, scope, Form::Bytes);
                    let bytes = scalar.bytes();
                    let align = bytes.min(self.align_max);
                    self.push(Step::Scalars { bytes, align, slot });
                }
                element => return self.list(element, None, place, scope, depth),
            },
        }
        Ok(1)
    }

    fn list(
        &mut self,
        element: &Kind,
        count: Option<usize>,
        place: &[usize],
        scope: usize,
        depth: usize,
    ) -> Result<usize, String> {
        let wanted = self.elements(place, scope);
        let is_delimited = self.align_max == XCDR2_ALIGN_MAX && !matches!(element, Kind::Scalar(_));
        let delimiter_bytes = if is_delimited { XCDR2_ALIGN_MAX } else { 0 };
        let at = self.push(Step::List {
            count,
            steps: 0,
            values: 0,
            delimiter_bytes,
            wanted,
        });
        // Elements of a list that is not wanted lie in no scope: nothing of them is taken.
        let inner = wanted.map_or(usize::MAX, |(scope, _)| scope.0);
        let element_values = self.walk(element, &mut Vec::new(), inner, depth + 1)?;
        let length = self.program.steps.len() - at - 1;
        if let Step::List { steps, values, .. } = &mut self.program.steps[at] {
            (*steps, *values) = (length, element_values);
        }
        self.open = None;
        Ok(1)
    }

    /// Values of fixed size, one behind the other.
    fn scalars(&mut self, scalar: Scalar, count: usize, place: &[usize], scope: usize) {
        let size = scalar.bytes();
        if count == 0 {
            return;
        }
        let align = size.min(self.align_max);
        let at = match self.open {
            Some(at) if self.align(at) >= align => at,
            _ => self.begin(align),
        };
        let Step::Fixed { bytes, .. } = &mut self.program.steps[at] else {
            return;
        };
        let start = bytes.checked_next_multiple_of(align).unwrap_or(usize::MAX);
        *bytes = start.saturating_add(size.saturating_mul(count));
        let wants = self.wants;
        let Some(rows) = wants.scopes.get(scope) else {
            return;
        };
        self.take(rows, place, start, scalar, count);
        // Elements of a fixed array that are wanted by their index.
        let below = rows.wanted.range(place.to_vec()..);
        for (element, _) in below.take_while(|(wanted, _)| wanted.starts_with(place)) {
            if let [index] = element[place.len()..] {
                let offset = start.saturating_add(index.saturating_mul(size));
                self.take(rows, element, offset, scalar, 1);
            }
        }
        if let Step::Fixed { takes, .. } = &mut self.program.steps[at] {
            takes.1 = self.program.takes.len();
        }
    }

    fn take(&mut self, rows: &Rows, place: &[usize], offset: usize, scalar: Scalar, count: usize) {
        for (form, slot) in rows.wanted.get(place).into_iter().flatten() {
            let what = match form {
                Form::Number => What::Number(scalar),
                Form::Integer => What::Integer(scalar),
                Form::Bytes => What::Bytes(count),
                Form::Text | Form::List(_) => continue,
            };
            let slot = *slot;
            self.program.takes.push(Take { offset, what, slot });
        }
    }

    fn slot(&self, place: &[usize], scope: usize, form: Form) -> Option<u16> {
        let forms = self.wants.scopes.get(scope)?.wanted.get(place)?;
        let found = forms.iter().find(|(wanted, _)| *wanted == form);
        found.map(|(_, slot)| *slot)
    }

    /// Scope and slot of a list that is wanted element by element.
    fn elements(&self, place: &[usize], scope: usize) -> Option<(Scope, u16)> {
        let forms = self.wants.scopes.get(scope)?.wanted.get(place)?;
        forms.iter().find_map(|(form, slot)| match form {
            Form::List(elements) => Some((*elements, *slot)),
            _ => None,
        })
    }

    fn align(&self, at: usize) -> usize {
        match self.program.steps[at] {
            Step::Fixed { align, .. } => align,
            _ => 0,
        }
    }

    /// Begins a step of fixed size.
    fn begin(&mut self, align: usize) -> usize {
        let takes = self.program.takes.len();
        let at = self.push(Step::Fixed {
            align,
            bytes: 0,
            takes: (takes, takes),
        });
        self.open = Some(at);
        at
    }

    fn push(&mut self, step: Step) -> usize {
        self.open = None;
        self.program.steps.push(step);
        self.program.steps.len() - 1
    }
}
