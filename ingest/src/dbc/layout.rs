//! Where the bits of a signal lie in the payload of a frame, and what number they are.

use can_dbc::{ByteOrder, SignalExtendedValueType, ValueType};

/// Bits of the longest payload, that of a CAN FD frame.
const PAYLOAD_BITS_MAX: usize = 64 * 8;
/// Bits of the widest number.
const SIGNAL_BITS_MAX: usize = 64;

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
    /// The layout of a signal. The error says what was expected.
    pub(super) fn of(
        signal: &can_dbc::Signal,
        extended: Option<SignalExtendedValueType>,
    ) -> Result<Self, String> {
        let bits = at_most(signal.size, SIGNAL_BITS_MAX).filter(|bits| *bits > 0);
        let bits = bits
            .ok_or_else(|| format!("expected 1 to {SIGNAL_BITS_MAX} bits, got {}", signal.size))?;
        let start = at_most(signal.start_bit, PAYLOAD_BITS_MAX - 1);
        let big_endian = signal.byte_order == ByteOrder::BigEndian;
        // The file counts the bits of each byte from the lowest, also where a number begins with its highest bit (Motorola).
        let first_bit = start.map(|start| if big_endian { start ^ 7 } else { start });
        let first_bit = first_bit
            .filter(|first| first + bits <= PAYLOAD_BITS_MAX)
            .ok_or_else(|| {
                let (start, end) = (signal.start_bit, PAYLOAD_BITS_MAX);
                format!("expected bits below {end}, got {bits} from bit {start}")
            })?;
        let number = match (extended, signal.value_type) {
            (Some(SignalExtendedValueType::IEEEfloat32Bit), _) => Number::Float,
            (Some(SignalExtendedValueType::IEEEdouble64bit), _) => Number::Double,
            (_, ValueType::Signed) => Number::Signed,
            (_, ValueType::Unsigned) => Number::Unsigned,
        };
        match (number, bits) {
            (Number::Float, 32) | (Number::Double, 64) | (Number::Signed | Number::Unsigned, _) => {
                Ok(Self {
                    first_bit,
                    bits,
                    big_endian,
                    number,
                })
            }
            (Number::Float, _) => Err(format!("expected 32 bits of a float, got {bits}")),
            (Number::Double, _) => Err(format!("expected 64 bits of a double, got {bits}")),
        }
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

    /// The whole number that the bits stand for, for tables of values; `None` for floats, and what 63 bits do not hold.
    pub(super) fn integer(self, raw: u64) -> Option<i64> {
        match self.number {
            Number::Unsigned => i64::try_from(raw).ok(),
            Number::Signed => Some(self.signed(raw)),
            Number::Float | Number::Double => None,
        }
    }

    fn signed(self, raw: u64) -> i64 {
        let unused = SIGNAL_BITS_MAX - self.bits;
        ((raw << unused) as i64) >> unused
    }
}

fn at_most(value: u64, max: usize) -> Option<usize> {
    usize::try_from(value).ok().filter(|value| *value <= max)
}
