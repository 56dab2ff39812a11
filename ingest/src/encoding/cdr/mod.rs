//! Runs a program over a message: the wanted values go into slots that are used again for the next message.

#[cfg(test)]
mod tests;

use super::definition::Scalar;
use super::program::{Program, Programs, Step, Take, What, Wire};
use super::rows::{Row, Slots, packed};
use super::wants::MESSAGE;
use crate::limits::Limits;

/// Bytes of a unit of wide texts: of those of 16 bits, and of those that Fast CDR writes.
const WIDE_UNIT_BYTES: [usize; 2] = [2, 4];
/// Writers fill a message up to a multiple of four bytes, some of eight.
const PADDING_BYTES_MAX: usize = 8;
/// The encapsulation header before each CDR message.
const ENCAPSULATION_BYTES: usize = 4;

impl Programs {
    /// Takes the wanted values of a message. The error says what was expected, and at which byte of the message.
    pub(crate) fn run<'a>(
        &self,
        message: &'a [u8],
        limits: &Limits,
        slots: &'a mut Slots,
    ) -> Result<Row<'a>, String> {
        let (program, order, body) = self.layout(message)?;
        if u32::try_from(body.len()).is_err() {
            return Err(format!(
                "expected a message of fewer than 4 GiB, got {} bytes",
                body.len()
            ));
        }
        let start = message.len() - body.len();
        let mut run = |wide: usize| {
            slots.reset(program);
            let done = match order {
                Order::Big => program.body::<false>(body, wide, limits, slots),
                Order::Little => program.body::<true>(body, wide, limits, slots),
            };
            done.map_err(|(at, what)| format!("at byte {}: {what}", at + start))
        };
        let end = run(WIDE_UNIT_BYTES[0]);
        if self.has_wide_text {
            // Which units a writer uses is said nowhere: with the right ones the message ends where its bytes do.
            let is_whole = |end: usize| body.len() - end < PADDING_BYTES_MAX;
            if !end.is_ok_and(is_whole) {
                run(WIDE_UNIT_BYTES[1])?;
            }
        } else {
            end?;
        }
        let slots: &'a Slots = slots;
        Ok(slots.message(body))
    }

    /// The program for a message, its order of bytes, and the message without what says so.
    fn layout<'a>(&self, message: &'a [u8]) -> Result<(&Program, Order, &'a [u8]), String> {
        if self.wire == Wire::Ros1 {
            return Ok((&self.aligned, Order::Little, message));
        }
        let Some((header, body)) = message.split_at_checked(ENCAPSULATION_BYTES) else {
            return Err(format!(
                "expected {ENCAPSULATION_BYTES} bytes of encapsulation, got {}",
                message.len()
            ));
        };
        match ([header[0], header[1]], &self.half_aligned) {
            ([0, 0], _) => Ok((&self.aligned, Order::Big, body)),
            ([0, 1], _) => Ok((&self.aligned, Order::Little, body)),
            ([0, 6], Some(program)) => Ok((program, Order::Big, body)),
            ([0, 7], Some(program)) => Ok((program, Order::Little, body)),
            (other, _) => Err(format!(
                "expected the encapsulation CDR (0x0000, 0x0001) or plain CDR2 (0x0006, 0x0007), got 0x{}",
                hex::encode(other)
            )),
        }
    }
}

impl Program {
    /// Says where the message ends, or where it cannot be read.
    fn body<const LITTLE: bool>(
        &self,
        body: &[u8],
        wide: usize,
        limits: &Limits,
        slots: &mut Slots,
    ) -> Result<usize, (usize, String)> {
        let mut walk = Walk::<LITTLE> {
            program: self,
            body,
            at: 0,
            wide,
            values_left: limits.message_values_max,
            slots,
        };
        let done = walk.steps(&self.steps, MESSAGE.0, 0);
        done.map_err(|what| (walk.at, what))?;
        Ok(walk.at)
    }
}

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Slots {
    fn reset(&mut self, program: &Program) {
        self.scopes.resize_with(program.slots.len(), Vec::new);
        self.scopes.iter_mut().for_each(Vec::clear);
        self.widths.clear();
        self.widths
            .extend(program.slots.iter().map(|slots| usize::from(*slots)));
        self.scopes[MESSAGE.0].resize(self.widths[MESSAGE.0], 0);
    }
}

struct Walk<'a, const LITTLE: bool> {
    program: &'a Program,
    body: &'a [u8],
    at: usize,
    /// Bytes of a unit of wide texts.
    wide: usize,
    values_left: usize,
    slots: &'a mut Slots,
}

impl<const LITTLE: bool> Walk<'_, LITTLE> {
    /// Takes steps; the slots of the scope's row begin at `row`.
    fn steps(&mut self, steps: &[Step], scope: usize, row: usize) -> Result<(), String> {
        let mut next = 0;
        while let Some(step) = steps.get(next) {
            next += 1;
            match *step {
                Step::Fixed {
                    align,
                    bytes,
                    takes,
                } => {
                    let start = self.advance(align, bytes)?;
                    let program = self.program;
                    for take in &program.takes[takes.0..takes.1] {
                        let value = self.take(take, start);
                        self.slots.scopes[scope][row + usize::from(take.slot)] = value;
                    }
                }
                Step::Text { slot } => self.text(slot, scope, row)?,
                Step::WideText => {
                    let units = self.length()?;
                    let align = if units == 0 { 1 } else { self.wide };
                    self.advance(align, units.saturating_mul(self.wide))?;
                }
                Step::Scalars { bytes, align, slot } => {
                    let count = self.length()?;
                    // Without elements, there is nothing to align.
                    let align = if count == 0 { 1 } else { align };
                    let start = self.advance(align, count.saturating_mul(bytes))?;
                    if let Some(slot) = slot {
                        self.slots.scopes[scope][row + usize::from(slot)] = packed(start, count);
                    }
                }
                Step::List {
                    count,
                    steps: length,
                    values,
                    delimiter_bytes,
                    wanted,
                } => {
                    if delimiter_bytes > 0 {
                        self.advance(delimiter_bytes, delimiter_bytes)?;
                    }
                    let body = &steps[next..next + length];
                    next += length;
                    let count = match count {
                        Some(count) => count,
                        None => self.count()?,
                    };
                    self.spend(count, values)?;
                    match wanted {
                        None => (0..count).try_for_each(|_| self.steps(body, usize::MAX, 0))?,
                        Some((elements, slot)) => {
                            let start = self.elements(body, elements.0, count)?;
                            self.slots.scopes[scope][row + usize::from(slot)] =
                                packed(start, count);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads wanted elements; returns where their rows begin.
    fn elements(&mut self, body: &[Step], scope: usize, count: usize) -> Result<usize, String> {
        let width = self.slots.widths[scope];
        let start = self.slots.scopes[scope].len();
        for at in 0..count {
            // The rows grow as they are read, so that an invented count reserves no memory.
            let row = start + at * width;
            self.slots.scopes[scope].resize(row + width, 0);
            self.steps(body, scope, row)?;
        }
        Ok(start)
    }

    fn text(&mut self, slot: Option<u16>, scope: usize, row: usize) -> Result<(), String> {
        let length = self.length()?;
        let start = self.advance(1, length)?;
        let Some(slot) = slot else { return Ok(()) };
        let text = &self.body[start..start + length];
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        if let Err(error) = std::str::from_utf8(text) {
            self.at = start + error.valid_up_to();
            return Err("expected a text in UTF-8, got other bytes".to_owned());
        }
        self.slots.scopes[scope][row + usize::from(slot)] = packed(start, text.len());
        Ok(())
    }

    /// The count of a list whose elements take a byte each at least.
    fn count(&mut self) -> Result<usize, String> {
        let count = self.length()?;
        let left = self.body.len() - self.at;
        if count > left {
            return Err(format!("expected {count} elements, got {left} bytes"));
        }
        Ok(count)
    }

    fn spend(&mut self, count: usize, values: usize) -> Result<(), String> {
        let spent = count.saturating_mul(values);
        let left = self.values_left.checked_sub(spent);
        self.values_left = left.ok_or_else(|| {
            format!(
                "the message has too many values: {spent} where {} are left of message_values_max",
                self.values_left
            )
        })?;
        Ok(())
    }

    fn length(&mut self) -> Result<usize, String> {
        let start = self.advance(self.program.align_max.min(4), 4)?;
        Ok(u32::from_ne_bytes(self.array(start)) as usize)
    }

    /// Goes over so many bytes from the next multiple of `align` on; returns where they begin.
    #[inline]
    fn advance(&mut self, align: usize, bytes: usize) -> Result<usize, String> {
        let start = (self.at + align - 1) & !(align - 1);
        match start.checked_add(bytes) {
            Some(end) if end <= self.body.len() => {
                self.at = end;
                Ok(start)
            }
            _ => Err(self.short(start, bytes)),
        }
    }

    #[cold]
    fn short(&self, start: usize, bytes: usize) -> String {
        let left = self.body.len().saturating_sub(start);
        format!("expected {bytes} bytes, got {left}")
    }

    /// So many bytes, in the order of this machine. The caller has seen that they are there.
    #[inline]
    fn array<const N: usize>(&self, start: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.body[start..start + N]);
        if LITTLE != cfg!(target_endian = "little") {
            bytes.reverse();
        }
        bytes
    }

    #[inline]
    fn take(&self, take: &Take, start: usize) -> u64 {
        let at = start + take.offset;
        match take.what {
            What::Number(scalar) => self.number(scalar, at).to_bits(),
            What::Integer(scalar) => self.integer(scalar, at) as u64,
            What::Bytes(count) => packed(at, count),
        }
    }

    #[inline]
    fn number(&self, scalar: Scalar, at: usize) -> f64 {
        match scalar {
            Scalar::F64 => f64::from_ne_bytes(self.array(at)),
            Scalar::F32 => f32::from_ne_bytes(self.array(at)).into(),
            Scalar::U64 => u64::from_ne_bytes(self.array(at)) as f64,
            Scalar::Bool => f64::from(u8::from(self.body[at] != 0)),
            other => self.integer(other, at) as f64,
        }
    }

    #[inline]
    fn integer(&self, scalar: Scalar, at: usize) -> i64 {
        match scalar {
            Scalar::I8 => self.body[at].cast_signed().into(),
            Scalar::U8 | Scalar::Bool => self.body[at].into(),
            Scalar::I16 => i16::from_ne_bytes(self.array(at)).into(),
            Scalar::U16 => u16::from_ne_bytes(self.array(at)).into(),
            Scalar::I32 => i32::from_ne_bytes(self.array(at)).into(),
            Scalar::U32 => u32::from_ne_bytes(self.array(at)).into(),
            Scalar::I64 => i64::from_ne_bytes(self.array(at)),
            // Beyond 63 bits no stamp or number that is asked for has a meaning: the most there is.
            Scalar::U64 => i64::try_from(u64::from_ne_bytes(self.array(at))).unwrap_or(i64::MAX),
            // The definition was asked for whole numbers only.
            Scalar::F32 | Scalar::F64 => 0,
        }
    }
}
