//! Where the bits of a signal lie in the payload of a frame, and what number they are.

use super::draft::{Form, SignalDraft};
use super::fault::FaultReason;
use super::transport::MESSAGE_BYTES_MAX;

/// Bits of the longest payload: a message of J1939 in parts. CAN FD frames have 64 bytes.
const PAYLOAD_BITS_MAX: usize = MESSAGE_BYTES_MAX * 8;
/// Bits of the widest number.
const SIGNAL_BITS_MAX: usize = 64;

/// Above it, doubles leave out whole numbers.
const DOUBLE_INTEGER_MAX: u128 = 1 << 53;
/// Floats above it stand for no value of a table.
const FLOAT_INTEGER_MAX: f64 = 9e15;

/// What the bits of a signal stand for before scale and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Unsigned,
    Signed,
    Float,
    Double,
}

/// The place and form of a signal in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// First bit: for little-endian numbers the lowest, counted from the lowest of byte 0; for big-endian numbers the highest,
    /// counted from the highest of byte 0.
    first_bit: usize,
    bits: usize,
    big_endian: bool,
    number: Number,
}

impl Layout {
    /// The layout of a signal, whose form `SIG_VALTYPE_` may give.
    pub(super) fn of(signal: &SignalDraft<'_>, form: Option<Form>) -> Result<Self, FaultReason> {
        let bits = at_most(signal.bits, SIGNAL_BITS_MAX).filter(|bits| *bits > 0);
        let bits = bits.ok_or(FaultReason::Bits(signal.bits))?;
        let start = at_most(signal.start, PAYLOAD_BITS_MAX - 1);
        // The file counts the bits of each byte from the lowest, also where a number begins with its highest bit (Motorola).
        let first_bit = start.map(|start| {
            if signal.is_big_endian {
                start ^ 7
            } else {
                start
            }
        });
        let first_bit = first_bit.filter(|first| first + bits <= PAYLOAD_BITS_MAX);
        let first_bit = first_bit.ok_or(FaultReason::Place {
            max: PAYLOAD_BITS_MAX,
            start: signal.start,
            bits,
        })?;
        let (number, expected) = match (form, signal.is_signed) {
            (Some(Form::Float), _) => (Number::Float, 32),
            (Some(Form::Double), _) => (Number::Double, 64),
            (_, true) => (Number::Signed, bits),
            (_, false) => (Number::Unsigned, bits),
        };
        if bits != expected {
            let actual = bits;
            return Err(FaultReason::FloatBits { expected, actual });
        }
        Ok(Self {
            first_bit,
            bits,
            big_endian: signal.is_big_endian,
            number,
        })
    }

    /// Bytes that a payload with the signal has at least.
    pub(super) fn bytes(self) -> usize {
        (self.first_bit + self.bits).div_ceil(8)
    }

    /// The bits as they are; `None` where the payload ends before them.
    pub(super) fn raw(self, payload: &[u8]) -> Option<u64> {
        let (first_byte, shift) = (self.first_bit / 8, self.first_bit % 8);
        let bytes = (shift + self.bits).div_ceil(8);
        let bytes = payload.get(first_byte..first_byte + bytes)?;
        // At most nine bytes, so that 128 bits hold them.
        let wide = if self.big_endian {
            let wide = bytes
                .iter()
                .fold(0_u128, |wide, byte| (wide << 8) | u128::from(*byte));
            wide >> (bytes.len() * 8 - shift - self.bits)
        } else {
            let rev = bytes.iter().rev();
            let wide = rev.fold(0_u128, |wide, byte| (wide << 8) | u128::from(*byte));
            wide >> shift
        };
        Some(wide as u64 & (u64::MAX >> (SIGNAL_BITS_MAX - self.bits)))
    }

    /// The number that the bits stand for; whole numbers beyond 2⁵³ are rounded.
    pub(super) fn number(self, raw: u64) -> f64 {
        match self.number {
            Number::Unsigned => raw as f64,
            Number::Signed => self.signed(raw) as f64,
            Number::Float => f64::from(f32::from_bits(raw as u32)),
            Number::Double => f64::from_bits(raw),
        }
    }

    /// The whole number that the bits stand for; `None` for floats with a fraction.
    pub(super) fn integer(self, raw: u64) -> Option<i128> {
        match self.number {
            Number::Unsigned => Some(raw.into()),
            Number::Signed => Some(self.signed(raw).into()),
            Number::Float | Number::Double => {
                let number = self.number(raw);
                let is_whole = number.fract() == 0.0 && number.abs() < FLOAT_INTEGER_MAX;
                is_whole.then_some(number as i128)
            }
        }
    }

    /// The whole number, where a double does not tell it from the next one.
    pub(super) fn beyond_double(self, raw: u64) -> Option<i128> {
        let integer = match self.number {
            Number::Unsigned | Number::Signed if self.bits > 53 => self.integer(raw)?,
            _ => return None,
        };
        (integer.unsigned_abs() > DOUBLE_INTEGER_MAX).then_some(integer)
    }

    fn signed(self, raw: u64) -> i64 {
        let unused = SIGNAL_BITS_MAX - self.bits;
        ((raw << unused) as i64) >> unused
    }
}

fn at_most(value: u64, max: usize) -> Option<usize> {
    usize::try_from(value).ok().filter(|value| *value <= max)
}
