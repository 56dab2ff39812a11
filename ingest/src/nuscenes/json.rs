//! A table in JSON, an array of records, cut into its records while it is read: no more than one is held.

/// What a table gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The bytes of a record.
    Record(&'a [u8]),
    /// A record of more bytes than are allowed.
    TooLong,
}

/// Why a table is not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// It begins with this byte, not with a bracket.
    NotAnArray(u8),
    /// Something follows the array.
    Trailing,
    /// It ends within the array.
    Torn,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAnArray(byte) => write!(f, "an array, got the byte {byte:#04x}"),
            Self::Trailing => f.write_str("the array alone, got something behind it"),
            Self::Torn => f.write_str("the end of the array, got the end of the file"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the array.
    Before,
    /// Within the array, between records.
    Between,
    /// Within a record, in so many brackets.
    Record { depth: u64 },
    /// Within a text of a record.
    Text { depth: u64, is_escaped: bool },
    /// Behind the array.
    After,
}

/// Cuts the bytes of a table into records.
pub(super) struct Splitter {
    state: State,
    record: Vec<u8>,
    record_bytes_max: usize,
    is_too_long: bool,
}

/// The mark that some programs put before a text in UTF-8.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl Splitter {
    pub(super) fn new(record_bytes_max: usize) -> Self {
        Self {
            state: State::Before,
            record: Vec::new(),
            record_bytes_max,
            is_too_long: false,
        }
    }

    /// Takes the next bytes of the table, and gives the records that end in them.
    ///
    /// The error is damage after which nothing more can be read, or what `take` says.
    pub(super) fn push<E: From<Damage>>(
        &mut self,
        bytes: &[u8],
        take: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for &byte in bytes {
            self.byte(byte, take)?;
        }
        Ok(())
    }

    /// Says that the table has no more bytes.
    pub(super) fn finish(&self) -> Result<(), Damage> {
        match self.state {
            State::After => Ok(()),
            _ => Err(Damage::Torn),
        }
    }

    fn byte<E: From<Damage>>(
        &mut self,
        byte: u8,
        take: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.state {
            State::Before => match byte {
                b'[' => self.state = State::Between,
                _ if byte.is_ascii_whitespace() || BYTE_ORDER_MARK.contains(&byte) => {}
                _ => return Err(Damage::NotAnArray(byte).into()),
            },
            State::Between => match byte {
                b']' => self.state = State::After,
                b',' => {}
                _ if byte.is_ascii_whitespace() => {}
                _ => {
                    self.state = State::Record { depth: 0 };
                    return self.in_record(byte, 0, take);
                }
            },
            State::Record { depth } => return self.in_record(byte, depth, take),
            State::Text { depth, is_escaped } => {
                self.keep(byte);
                self.state = match byte {
                    b'"' if !is_escaped => State::Record { depth },
                    _ => State::Text {
                        depth,
                        is_escaped: byte == b'\\' && !is_escaped,
                    },
                };
            }
            State::After if byte.is_ascii_whitespace() => {}
            State::After => return Err(Damage::Trailing.into()),
        }
        Ok(())
    }

    fn in_record<E>(
        &mut self,
        byte: u8,
        depth: u64,
        take: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match byte {
            b']' | b',' if depth == 0 => {
                let ends = byte == b']';
                self.state = if ends { State::After } else { State::Between };
                return self.end(take);
            }
            b'"' => {
                let is_escaped = false;
                self.state = State::Text { depth, is_escaped };
            }
            b'{' | b'[' => self.state = State::Record { depth: depth + 1 },
            b'}' | b']' => {
                let depth = depth.saturating_sub(1);
                self.keep(byte);
                self.state = State::Record { depth };
                if depth == 0 {
                    self.state = State::Between;
                    return self.end(take);
                }
                return Ok(());
            }
            _ => {}
        }
        self.keep(byte);
        Ok(())
    }

    fn keep(&mut self, byte: u8) {
        if self.record.len() < self.record_bytes_max {
            self.record.push(byte);
        } else {
            self.is_too_long = true;
        }
    }

    fn end<E>(&mut self, take: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
        let piece = if self.is_too_long {
            Piece::TooLong
        } else {
            Piece::Record(&self.record)
        };
        let taken = take(piece);
        self.is_too_long = false;
        self.record.clear();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a table that comes in steps of so many bytes, and what is wrong with it.
    fn cut(table: &str, step: usize) -> (Vec<String>, Option<Damage>) {
        let (mut records, mut splitter) = (Vec::new(), Splitter::new(20));
        let mut take = |piece: Piece<'_>| {
            records.push(match piece {
                Piece::Record(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Piece::TooLong => "too long".to_owned(),
            });
            Ok(())
        };
        for bytes in table.as_bytes().chunks(step) {
            if let Err(damage) = splitter.push::<Damage>(bytes, &mut take) {
                return (records, Some(damage));
            }
        }
        let damage = splitter.finish().err();
        (records, damage)
    }

    #[test]
    fn any_cut_gives_the_same_records() {
        let table = "\u{feff} [ {\"a\": \"]}\\\\\"}, {\"b\":[1,{}]} ,3,\"4\" , {\"long\": 123456789012345}]\n";
        let expected = [
            "{\"a\": \"]}\\\\\"}",
            "{\"b\":[1,{}]}",
            "3",
            "\"4\" ",
            "too long",
        ];
        for step in 1..table.len() {
            assert_eq!(
                cut(table, step),
                (expected.map(str::to_owned).to_vec(), None),
                "{step}"
            );
        }
        assert_eq!(cut("[]", 1), (vec![], None));
    }

    #[test]
    fn damage_keeps_what_came_before() {
        let (a, torn) = (vec!["{\"a\":1}".to_owned()], Some(Damage::Torn));
        assert_eq!(cut("[{\"a\":1},{\"b\":", 3), (a.clone(), torn));
        assert_eq!(cut("[{\"a\":1}] x", 3), (a, Some(Damage::Trailing)));
        assert_eq!(
            cut("{\"a\":1}", 3),
            (vec![], Some(Damage::NotAnArray(b'{')))
        );
        assert_eq!(cut("", 3), (vec![], torn));
    }
}
