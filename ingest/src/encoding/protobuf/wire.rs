//! The wire format of protobuf: fields of numbers and types (<https://protobuf.dev/programming-guides/encoding>).

/// Groups within groups at most: stops messages that open one group after the other.
const GROUPS_MAX: usize = 64;
/// The largest number of a field.
const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;
/// Bytes of a varint at most.
const VARINT_BYTES_MAX: usize = 10;

/// How a field lies on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireType {
    Varint,
    Bytes8,
    /// Bytes after their count.
    Counted,
    GroupStart,
    GroupEnd,
    Bytes4,
}

impl WireType {
    /// In words, for errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Varint => "a varint",
            Self::Bytes8 => "8 bytes",
            Self::Counted => "counted bytes",
            Self::GroupStart => "the start of a group",
            Self::GroupEnd => "the end of a group",
            Self::Bytes4 => "4 bytes",
        }
    }
}

/// Why bytes are no protobuf message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireFault {
    #[error("at byte {at}: expected {expected} bytes, got {actual}")]
    Cut {
        at: usize,
        expected: u64,
        actual: usize,
    },
    #[error(
        "at byte {at}: expected a varint of at most {VARINT_BYTES_MAX} bytes, got a longer one"
    )]
    Varint { at: usize },
    #[error("at byte {at}: expected the number and wire type of a field, got {actual}")]
    Key { at: usize, actual: u64 },
    #[error("at byte {at}: expected the end of the group {expected}, got {actual}")]
    Group {
        at: usize,
        expected: u32,
        actual: String,
    },
    #[error("at byte {at}: expected at most {GROUPS_MAX} groups within groups, got more")]
    Groups { at: usize },
}

/// A part of a message that is read from its start on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    /// The whole message.
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let end = bytes.len();
        Self { bytes, at: 0, end }
    }

    /// The offset of the next byte in the whole message.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// The bytes from here to the end of the part.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..self.end]
    }

    /// Number and type of the next field; none at the end.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Option<(u32, WireType)>, WireFault> {
        if self.is_empty() {
            return Ok(None);
        }
        let at = self.at;
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => Some(WireType::Varint),
            1 => Some(WireType::Bytes8),
            2 => Some(WireType::Counted),
            3 => Some(WireType::GroupStart),
            4 => Some(WireType::GroupEnd),
            5 => Some(WireType::Bytes4),
            _ => None,
        };
        let number = key >> 3;
        match wire {
            Some(wire) if (1..=FIELD_NUMBER_MAX).contains(&number) => {
                Ok(Some((number as u32, wire)))
            }
            _ => Err(WireFault::Key { at, actual: key }),
        }
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, WireFault> {
        let start = self.at;
        let mut value = 0;
        for (count, byte) in self.rest().iter().take(VARINT_BYTES_MAX).enumerate() {
            // Bits beyond the 64th are dropped, as other readers drop them.
            value |= u64::from(byte & 0x7f) << (7 * count).min(63);
            if byte & 0x80 == 0 {
                self.at = start + count + 1;
                return Ok(value);
            }
        }
        let actual = self.end - start;
        Err(if actual >= VARINT_BYTES_MAX {
            WireFault::Varint { at: start }
        } else {
            WireFault::Cut {
                at: start,
                expected: actual as u64 + 1,
                actual,
            }
        })
    }

    /// So many bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireFault> {
        let Some(bytes) = self.rest().first_chunk::<N>() else {
            return Err(self.cut(N as u64));
        };
        self.at += N;
        Ok(*bytes)
    }

    /// Counted bytes, as a part of its own.
    #[inline]
    pub(super) fn counted(&mut self) -> Result<Self, WireFault> {
        let count = self.varint()?;
        let left = self.end - self.at;
        match usize::try_from(count) {
            Ok(count) if count <= left => {
                let (bytes, at) = (self.bytes, self.at);
                self.at += count;
                let end = self.at;
                Ok(Self { bytes, at, end })
            }
            _ => Err(self.cut(count)),
        }
    }

    /// What a group holds whose start was read; goes over its end.
    pub(super) fn group(&mut self, number: u32) -> Result<Self, WireFault> {
        let (bytes, at) = (self.bytes, self.at);
        let mut open = vec![number];
        while let Some(expected) = open.last().copied() {
            let end = self.at;
            let ended = |actual| WireFault::Group {
                at: end,
                expected,
                actual,
            };
            match self.key()? {
                None => return Err(ended("the end of the message".to_owned())),
                Some((number, WireType::GroupStart)) if open.len() < GROUPS_MAX => {
                    open.push(number);
                }
                Some((_, WireType::GroupStart)) => return Err(WireFault::Groups { at: end }),
                Some((number, WireType::GroupEnd)) if number == expected => {
                    open.pop();
                    if open.is_empty() {
                        return Ok(Self { bytes, at, end });
                    }
                }
                Some((number, WireType::GroupEnd)) => {
                    return Err(ended(format!("that of the group {number}")));
                }
                Some((number, wire)) => self.skip(number, wire)?,
            }
        }
        Ok(Self { bytes, at, end: at })
    }

    /// Goes over the value of a field whose key was read.
    #[inline]
    pub(super) fn skip(&mut self, number: u32, wire: WireType) -> Result<(), WireFault> {
        match wire {
            WireType::Varint => self.varint().map(drop),
            WireType::Bytes8 => self.array::<8>().map(drop),
            WireType::Bytes4 => self.array::<4>().map(drop),
            WireType::Counted => self.counted().map(drop),
            WireType::GroupStart => self.group(number).map(drop),
            WireType::GroupEnd => Err(WireFault::Key {
                at: self.at,
                actual: u64::from(number) << 3 | 4,
            }),
        }
    }

    #[cold]
    fn cut(&self, expected: u64) -> WireFault {
        WireFault::Cut {
            at: self.at,
            expected,
            actual: self.end - self.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_format_are_read() {
        // From the description of the format: `a: 150`, `b: "testing"`.
        let mut cursor = Cursor::new(b"\x08\x96\x01\x12\x07testing");
        assert_eq!(cursor.key(), Ok(Some((1, WireType::Varint))));
        assert_eq!(cursor.varint(), Ok(150));
        assert_eq!(cursor.key(), Ok(Some((2, WireType::Counted))));
        assert_eq!(cursor.counted().unwrap().rest(), b"testing");
        assert_eq!(cursor.key(), Ok(None));
        // -2 as `int64`, and the largest of 64 bits.
        let negative = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(Cursor::new(negative).varint(), Ok(u64::MAX - 1));
    }

    #[test]
    fn a_varint_has_an_end() {
        let cut = WireFault::Cut {
            at: 0,
            expected: 3,
            actual: 2,
        };
        assert_eq!(Cursor::new(&[0x80, 0x80]).varint(), Err(cut));
        let long = WireFault::Varint { at: 0 };
        assert_eq!(Cursor::new(&[0xff; 11]).varint(), Err(long));
        assert_eq!(
            Cursor::new(&[7]).key(),
            Err(WireFault::Key { at: 0, actual: 7 })
        );
        assert_eq!(
            Cursor::new(&[0]).key(),
            Err(WireFault::Key { at: 0, actual: 0 })
        );
    }

    #[test]
    fn groups_are_gone_over_and_bounded() {
        // Group 1 with a varint and the group 2 in it, then a varint.
        let bytes = [0x0b, 0x18, 5, 0x13, 0x14, 0x0c, 0x20, 9];
        let mut cursor = Cursor::new(&bytes);
        assert_eq!(cursor.key(), Ok(Some((1, WireType::GroupStart))));
        assert_eq!(cursor.group(1).unwrap().rest(), &bytes[1..5]);
        assert_eq!(cursor.key(), Ok(Some((4, WireType::Varint))));
        let open = vec![0x0b; 100_000];
        let mut cursor = Cursor::new(&open);
        cursor.key().unwrap();
        let at = GROUPS_MAX;
        assert_eq!(cursor.group(1).unwrap_err(), WireFault::Groups { at });
        let other = WireFault::Group {
            at: 0,
            expected: 1,
            actual: "that of the group 2".to_owned(),
        };
        assert_eq!(Cursor::new(&[0x14]).group(1).unwrap_err(), other);
    }
}
