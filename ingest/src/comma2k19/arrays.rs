//! The arrays of a segment: files of NumPy without an extension, versions 1 to 3 of the format (NEP 1).
//!
//! The crates that read such files take any literal of Python for a header, however deep it nests. NumPy writes one form of it, with three
//! fields, and that is what is read here.

use super::SegmentError;
use crate::format::Log;

/// Bytes of an array: stops files that do not fit in memory. A minute of bus frames has 1.1 MB.
const ARRAY_BYTES_MAX: u64 = 64 << 20;
const MAGIC: &[u8] = b"\x93NUMPY";

/// Rows of values.
#[derive(Debug, PartialEq)]
pub(super) struct Table<T> {
    columns: usize,
    values: Vec<T>,
}

impl<T> Table<T> {
    pub(super) fn rows(&self) -> impl Iterator<Item = &[T]> {
        self.values.chunks_exact(self.columns)
    }
}

/// A value of an array. Each takes eight bytes.
pub(super) trait Element: Copy {
    /// How NumPy names the type.
    const DESCRIPTION: &str;

    fn of_bytes(bytes: [u8; 8]) -> Self;
}

impl Element for f64 {
    const DESCRIPTION: &str = "<f8";

    fn of_bytes(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Element for i64 {
    const DESCRIPTION: &str = "<i8";

    fn of_bytes(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

/// Up to eight octets; zeros fill up those that are fewer.
impl Element for [u8; 8] {
    const DESCRIPTION: &str = "|S8";

    fn of_bytes(bytes: [u8; 8]) -> Self {
        bytes
    }
}

/// Reads an array of `columns` columns; a vector is an array of one column. None where the segment has no such file.
pub(super) fn table<T: Element>(
    log: &Log<'_>,
    path: &str,
    columns: usize,
) -> Result<Option<Table<T>>, SegmentError> {
    let Some((_, size)) = log.files().find(|(file, _)| *file == path) else {
        return Ok(None);
    };
    if size > ARRAY_BYTES_MAX {
        return Err(SegmentError::TooLarge {
            path: path.to_owned(),
            max: ARRAY_BYTES_MAX,
            actual: size,
        });
    }
    let bytes = log.bytes(path)?;
    let Some((header, data)) = parted(&bytes) else {
        return Err(SegmentError::NoArray {
            path: path.to_owned(),
        });
    };
    let parsed = Header::parse(header).filter(|header| header.description == T::DESCRIPTION);
    let rows = parsed.as_ref().and_then(|header| header.rows(columns));
    let (elements, rest) = data.as_chunks::<8>();
    let is_whole = rows.and_then(|rows| rows.checked_mul(columns)) == Some(elements.len());
    let (Some(parsed), Some(rows), true, []) = (parsed, rows, is_whole, rest) else {
        return Err(SegmentError::Shape {
            path: path.to_owned(),
            columns,
            element: T::DESCRIPTION,
            header: header.trim_end().chars().take(200).collect(),
            bytes: data.len(),
        });
    };
    let element = |at: usize| T::of_bytes(elements[at]);
    let values = if parsed.is_fortran {
        let in_rows = |at: usize| element(at % columns * rows + at / columns);
        (0..elements.len()).map(in_rows).collect()
    } else {
        (0..elements.len()).map(element).collect()
    };
    Ok(Some(Table { columns, values }))
}

/// Header and data.
fn parted(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (version, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<2>()?;
    let (length, rest) = if version[0] == 1 {
        let (length, rest) = rest.split_first_chunk()?;
        (u32::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = rest.split_first_chunk()?;
        (u32::from_le_bytes(*length), rest)
    };
    let (header, data) = rest.split_at_checked(length as usize)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// What an array says of itself.
#[derive(Debug, PartialEq)]
struct Header<'a> {
    description: &'a str,
    /// Whether it lies column by column.
    is_fortran: bool,
    rows: usize,
    /// None for a vector.
    columns: Option<usize>,
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("{'descr': '")?;
        let (description, rest) = rest.split_once("', 'fortran_order': ")?;
        let (is_fortran, rest) = rest.split_once(", 'shape': (")?;
        let (shape, rest) = rest.split_once(')')?;
        if !matches!(rest.trim_end(), ", }" | "}") {
            return None;
        }
        let mut sides = shape
            .split(',')
            .map(str::trim)
            .filter(|side| !side.is_empty());
        let mut side = || sides.next().map(|side| side.parse().ok());
        let (rows, columns) = (side()??, side());
        let columns = match columns {
            Some(columns) => Some(columns?),
            None => None,
        };
        let is_fortran = match is_fortran {
            "True" => true,
            "False" => false,
            _ => return None,
        };
        side().is_none().then_some(Self {
            description,
            is_fortran,
            rows,
            columns,
        })
    }

    /// The rows, where there are so many columns.
    fn rows(&self, columns: usize) -> Option<usize> {
        (self.columns.unwrap_or(1) == columns).then_some(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_form_that_numpy_writes() {
        let header = |text| Header::parse(text).map(|it| (it.is_fortran, it.rows, it.columns));
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1200, 3), }        \n";
        assert_eq!(header(text), Some((false, 1200, Some(3))));
        let text = "{'descr': '|S8', 'fortran_order': True, 'shape': (7,), }\n";
        assert_eq!(header(text), Some((true, 7, None)));
        for text in [
            "",
            "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2, 3), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (1,), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        ] {
            assert_eq!(header(text), None, "{text}");
        }
    }
}
