//! A value of a record: where it lies and how it is written.

use super::blocks::Block;

/// Nanoseconds of a second.
const NS_PER_S: f64 = 1e9;
/// All values of the channel are invalid; those whose bit is set are.
const ALL_INVALID: u32 = 1;
const SOME_INVALID: u32 = 2;
/// Conversions: none, `p1 + p2 · raw`, and those to texts, which leave the number as it is.
const NONE: u8 = 0;
const LINEAR: u8 = 1;
const TO_TEXT: std::ops::RangeInclusive<u8> = 7..=10;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Unsigned,
    Signed,
    Float,
    /// The number of the record, counted from zero: nothing is in it.
    Index,
    Bytes,
}

/// A value of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Field {
    written: Written,
    is_big_endian: bool,
    byte_offset: usize,
    bit_offset: u32,
    bits: u32,
    /// Offset and factor.
    linear: Option<(f64, f64)>,
    /// The bit that says that the value is invalid, counted from the end of the data.
    invalid_bit: Option<usize>,
}

/// A record of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// Its number in the group.
    pub(super) index: u64,
    pub(super) data: &'a [u8],
    /// A bit for each value that may be invalid.
    pub(super) invalid: &'a [u8],
}

impl Field {
    /// The value of a channel: none where all its values are invalid, or where it is written or converted in a way that no part of a
    /// frame is. `is_virtual` are channels that count records.
    pub(super) fn of(
        channel: &Block,
        conversion: Option<&Block>,
        is_virtual: bool,
    ) -> Option<Self> {
        let flags = channel.u32(12);
        if flags & ALL_INVALID != 0 {
            return None;
        }
        let data_type = channel.u8(2);
        let bits = channel.u32(8);
        let written = match data_type {
            _ if is_virtual => Written::Index,
            0 | 1 => Written::Unsigned,
            2 | 3 => Written::Signed,
            4 | 5 => Written::Float,
            10 => Written::Bytes,
            _ => return None,
        };
        let method = conversion.map_or(NONE, |block| block.u8(0));
        if !(matches!(method, NONE | LINEAR) || TO_TEXT.contains(&method)) {
            return None;
        }
        let linear = conversion.filter(|block| block.u8(0) == LINEAR);
        Some(Self {
            written,
            is_big_endian: matches!(data_type, 1 | 3 | 5),
            byte_offset: channel.u32(4) as usize,
            bit_offset: u32::from(channel.u8(3)),
            bits,
            linear: linear.map(|block| (block.f64(24), block.f64(32))),
            invalid_bit: (flags & SOME_INVALID != 0).then(|| channel.u32(16) as usize),
        })
    }

    /// The offset of the value of a channel whose values lie apart: a whole number, whatever those are.
    pub(super) fn offset_of(channel: &Block) -> Option<Self> {
        if channel.u32(12) & ALL_INVALID != 0 {
            return None;
        }
        Some(Self {
            written: Written::Unsigned,
            is_big_endian: false,
            byte_offset: channel.u32(4) as usize,
            bit_offset: u32::from(channel.u8(3)),
            bits: channel.u32(8),
            linear: None,
            invalid_bit: None,
        })
    }

    /// The bytes of the value, as many of them as the record has.
    pub(super) fn bytes<'a>(&self, record: &Record<'a>) -> &'a [u8] {
        let from = self.byte_offset.min(record.data.len());
        let to = from.saturating_add(self.bits as usize / 8);
        &record.data[from..to.min(record.data.len())]
    }

    /// The value as a whole number; none where the record has none.
    pub(super) fn integer(&self, record: &Record<'_>) -> Option<i64> {
        if let (None, Written::Unsigned | Written::Signed | Written::Index) =
            (self.linear, self.written)
        {
            return self.raw(record).map(|raw| self.signed(raw));
        }
        let number = self.number(record)?.round();
        (number.abs() < 9e15).then_some(number as i64)
    }

    /// The value in nanoseconds where it counts seconds.
    pub(super) fn nanoseconds(&self, record: &Record<'_>) -> Option<i128> {
        let (offset, factor) = self.linear.unwrap_or((0.0, 1.0));
        let scale = factor * NS_PER_S;
        // A factor such as 1e-9 is none that a double has: what was meant counts whole nanoseconds.
        let whole = scale.round();
        let is_whole = whole != 0.0 && (scale - whole).abs() <= whole.abs() * 1e-12;
        let scale = if is_whole { whole } else { scale };
        let offset_ns = offset * NS_PER_S;
        if is_whole && self.written != Written::Float && offset_ns == offset_ns.trunc() {
            let raw = i128::from(self.signed(self.raw(record)?));
            let bounded = whole.abs() < 1e18 && offset_ns.abs() < 1e30;
            return bounded.then(|| raw * (whole as i128) + offset_ns as i128);
        }
        let nanoseconds = (self.plain(record)? * scale + offset_ns).round();
        (nanoseconds.abs() < 1e30).then_some(nanoseconds as i128)
    }

    fn number(&self, record: &Record<'_>) -> Option<f64> {
        let raw = self.plain(record)?;
        let (offset, factor) = self.linear.unwrap_or((0.0, 1.0));
        Some(offset + factor * raw)
    }

    /// The number as it is written.
    fn plain(&self, record: &Record<'_>) -> Option<f64> {
        let raw = self.raw(record)?;
        match self.written {
            Written::Unsigned | Written::Index => Some(raw as f64),
            Written::Signed => Some(self.signed(raw) as f64),
            Written::Float if self.bits == 64 => Some(f64::from_bits(raw)),
            Written::Float if self.bits == 32 => Some(f64::from(f32::from_bits(raw as u32))),
            Written::Float | Written::Bytes => None,
        }
    }

    fn signed(&self, raw: u64) -> i64 {
        let above = 64 - self.bits.clamp(1, 64);
        match self.written {
            Written::Signed => (raw << above) as i64 >> above,
            _ => raw as i64,
        }
    }

    /// The bits of the value; none where it is invalid, or lies beyond the record.
    fn raw(&self, record: &Record<'_>) -> Option<u64> {
        if self.written == Written::Index {
            return Some(record.index);
        }
        if let Some(bit) = self.invalid_bit
            && record.invalid.get(bit / 8)? >> (bit % 8) & 1 != 0
        {
            return None;
        }
        let used = self.bit_offset.checked_add(self.bits)?;
        if self.bits == 0 || self.bits > 64 || self.bit_offset > 7 {
            return None;
        }
        let count = used.div_ceil(8) as usize;
        let bytes = record.data.get(self.byte_offset..)?.get(..count)?;
        let mut whole = [0; 16];
        if self.is_big_endian {
            whole[16 - count..].copy_from_slice(bytes);
            whole.reverse();
        } else {
            whole[..count].copy_from_slice(bytes);
        }
        let bits = u128::from_le_bytes(whole) >> self.bit_offset;
        let mask = u64::MAX >> (64 - self.bits);
        Some(bits as u64 & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::Head;
    use super::*;

    /// The data of a channel: type, bit offset, byte offset, bits, flags, invalidation bit.
    fn channel(data_type: u8, (byte, bit): (u32, u8), bits: u32, flags: u32) -> Block {
        let mut data = vec![0, 0, data_type, bit];
        for number in [byte, bits, flags, 3] {
            data.extend(number.to_le_bytes());
        }
        block(&data)
    }

    fn linear(offset: f64, factor: f64) -> Block {
        let mut data = vec![0; 24];
        data[0] = LINEAR;
        data.extend(offset.to_le_bytes());
        data.extend(factor.to_le_bytes());
        block(&data)
    }

    fn block(data: &[u8]) -> Block {
        let head = Head {
            kind: *b"CN",
            length: 24 + data.len() as u64,
            links: 0,
        };
        Block::of(&head, &[&[0; 24], data].concat())
    }

    fn record(data: &[u8]) -> Record<'_> {
        Record {
            index: 5,
            data,
            invalid: &[0b1000],
        }
    }

    #[test]
    fn bits_lie_in_either_order() {
        let data = [0x00, 0x34, 0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
        let value = |data_type, place, bits| {
            let field = Field::of(&channel(data_type, place, bits, 0), None, false).unwrap();
            field.integer(&record(&data))
        };
        assert_eq!(value(0, (1, 0), 16), Some(0x1234));
        assert_eq!(value(1, (1, 0), 16), Some(0x3412));
        assert_eq!(value(0, (1, 4), 12), Some(0x123));
        assert_eq!(value(2, (2, 0), 9), Some(-238));
        assert_eq!(value(0, (2, 4), 60), Some(0x00ff_ffff_ffff_fff1));
        // Beyond the record, or not a number.
        for (place, bits) in [((9, 0), 9), ((0, 0), 0), ((0, 0), 65), ((0, 8), 8)] {
            assert_eq!(value(0, place, bits), None, "{place:?} {bits}");
        }
        assert_eq!(value(4, (0, 0), 16), None);
    }

    #[test]
    fn invalid_values_are_none() {
        let data = [7; 8];
        let field = |flags| Field::of(&channel(0, (0, 0), 8, flags), None, false);
        assert_eq!(field(0).unwrap().integer(&record(&data)), Some(7));
        assert_eq!(field(SOME_INVALID).unwrap().integer(&record(&data)), None);
        assert_eq!(field(ALL_INVALID), None);
    }

    #[test]
    fn seconds_keep_their_nanoseconds() {
        let ns = |data_type, conversion: Option<Block>, data: &[u8]| {
            let channel = channel(data_type, (0, 0), 64, 0);
            let field = Field::of(&channel, conversion.as_ref(), false).unwrap();
            field.nanoseconds(&record(data))
        };
        let raw = 12_345_678_901_i64;
        let float = (raw as f64).to_le_bytes();
        assert_eq!(ns(4, Some(linear(0.0, 1e-9)), &float), Some(raw.into()));
        let whole = i64::MAX.to_le_bytes();
        assert_eq!(
            ns(2, Some(linear(0.0, 1e-9)), &whole),
            Some(i64::MAX.into())
        );
        assert_eq!(
            ns(0, Some(linear(1.5, 1e-6)), &3_u64.to_le_bytes()),
            Some(1_500_003_000)
        );
        assert_eq!(ns(4, None, &12.5_f64.to_le_bytes()), Some(12_500_000_000));
        assert_eq!(ns(4, None, &f64::NAN.to_le_bytes()), None);
        assert_eq!(ns(4, None, &f64::MAX.to_le_bytes()), None);
        // A clock that nothing is stored of.
        let clock = channel(0, (0, 0), 0, 0);
        let clock = Field::of(&clock, Some(&linear(0.0, 0.01)), true).unwrap();
        assert_eq!(clock.nanoseconds(&record(&[])), Some(50_000_000));
    }
}
