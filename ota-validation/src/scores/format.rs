//! What a score file is, by its first bytes: CSV text, Parquet, or something that is refused by its name.

use super::ScoreFile;
use crate::error::{Error, Result};

/// The first and the last bytes of a Parquet file.
const PARQUET_MARK: &[u8] = b"PAR1";
/// Bytes that are looked at for the pattern of UTF-16.
const SAMPLE_BYTES: usize = 1_024;

/// A file that can be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// CSV with commas and decimal points.
    Csv(&'a str),
    /// Parquet.
    Parquet,
}

/// A file of another format.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected CSV in UTF-8 with commas and decimal points, or Parquet, got {actual}: {way_out}"
)]
struct OtherFormat {
    actual: String,
    way_out: &'static str,
}

/// First bytes, what they begin, and what helps.
const MARKS: [(&[u8], &str, &str); 14] = [
    (
        b"\x1f\x8b",
        "a file that gzip compressed",
        "unpack it with `gunzip`",
    ),
    (
        b"PK\x03\x04",
        "a zip archive, which an Excel workbook is too",
        "unpack it, or export the sheet as CSV",
    ),
    (
        b"PK\x05\x06",
        "an empty zip archive",
        "export the sheet as CSV",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "an Excel workbook",
        "export the sheet as CSV",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "a file that zstd compressed",
        "unpack it with `unzstd`",
    ),
    (
        b"\xfd7zXZ\x00",
        "a file that xz compressed",
        "unpack it with `unxz`",
    ),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (
        b"ARROW1",
        "an Arrow or Feather file",
        "write it as Parquet or CSV",
    ),
    (
        b"\xff\xff\xff\xff",
        "an Arrow stream",
        "write it as Parquet or CSV",
    ),
    (
        b"SQLite format 3",
        "an SQLite database",
        "export the table as CSV",
    ),
    (
        b"\x89HDF",
        "an HDF5 file",
        "write the table as Parquet or CSV",
    ),
    (
        b"\x93NUMPY",
        "a NumPy array",
        "write it with names of columns as Parquet or CSV",
    ),
    (
        b"\xff\xfe\x00\x00",
        "UTF-32 text",
        "save it as UTF-8: `iconv -f UTF-32 -t UTF-8 FILE`",
    ),
    (
        b"\x00\x00\xfe\xff",
        "UTF-32 text",
        "save it as UTF-8: `iconv -f UTF-32 -t UTF-8 FILE`",
    ),
];

const FROM_UTF_16: &str = "save it as UTF-8: `iconv -f UTF-16 -t UTF-8 FILE`";

/// Says what the file is.
pub(super) fn content(file: ScoreFile<'_>) -> Result<Content<'_>> {
    if file.bytes.starts_with(PARQUET_MARK) {
        return Ok(Content::Parquet);
    }
    let refused = |actual: String, way_out| unreadable(file, OtherFormat { actual, way_out });
    for (mark, actual, way_out) in MARKS {
        if file.bytes.starts_with(mark) {
            return Err(refused(actual.to_owned(), way_out));
        }
    }
    if file.bytes.starts_with(b"BZh") && file.bytes.get(4..7) == Some(b"1AY") {
        return Err(refused(
            "a file that bzip2 compressed".to_owned(),
            "unpack it with `bunzip2`",
        ));
    }
    if file.bytes.starts_with(b"\xff\xfe") || file.bytes.starts_with(b"\xfe\xff") {
        return Err(refused("UTF-16 text".to_owned(), FROM_UTF_16));
    }
    if let Some(order) = utf_16_without_mark(file.bytes) {
        return Err(refused(
            format!("UTF-16 text without a byte-order mark ({order})"),
            FROM_UTF_16,
        ));
    }
    if let Some(at) = file.bytes.iter().position(|byte| *byte == 0) {
        return Err(refused(
            format!("binary data (byte {at} is zero)"),
            "export the table as CSV or Parquet",
        ));
    }
    let bytes = file.bytes.strip_prefix(b"\xef\xbb\xbf");
    let text = std::str::from_utf8(bytes.unwrap_or(file.bytes)).map_err(|error| {
        let at = error.valid_up_to();
        refused(
            format!("text of another encoding (byte {at} is no UTF-8)"),
            "save it as UTF-8: `iconv -f WINDOWS-1252 -t UTF-8 FILE`",
        )
    })?;
    text_content(text).map_err(|(actual, way_out)| refused(actual, way_out))
}

fn unreadable(file: ScoreFile<'_>, source: OtherFormat) -> Error {
    Error::Unreadable {
        file: file.name.to_owned(),
        source: Box::new(source),
    }
}

/// Text of mostly ASCII letters has a zero in every second byte.
fn utf_16_without_mark(bytes: &[u8]) -> Option<&'static str> {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let zeros = |parity: usize| {
        let every_second = sample.iter().skip(parity).step_by(2);
        every_second.filter(|byte| **byte == 0).count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let many = sample.len() / 4;
    if many > 0 && odd > many && even * 8 < odd {
        Some("little-endian")
    } else if many > 0 && even > many && odd * 8 < even {
        Some("big-endian")
    } else {
        None
    }
}

fn text_content(text: &str) -> Result<Content<'_>, (String, &'static str)> {
    let begin = text.trim_start();
    let line = begin.lines().next().unwrap_or_default();
    match begin.chars().next() {
        None => {
            return Err((
                "an empty file".to_owned(),
                "a header and a row a scene are needed",
            ));
        }
        Some('{' | '[') => {
            return Err((
                "JSON".to_owned(),
                "write a header and a row a scene (`pandas.read_json(FILE).to_csv(…)`; `lines=True` for JSON lines)",
            ));
        }
        Some('<') => {
            return Err((
                "HTML or XML".to_owned(),
                "export the table as CSV or Parquet",
            ));
        }
        Some(_) if line.starts_with("sep=") => {
            return Err((
                format!("a first line `{}`, which is for Excel", line.trim_end()),
                "remove that line, and separate cells by commas",
            ));
        }
        Some(_) => {}
    }
    let commas = unquoted(line, ',');
    for (separator, name, way_out) in [
        (
            ';',
            "cells separated by `;`",
            "separate them by commas and write numbers with a decimal point (`pandas.read_csv(FILE, sep=\";\", \
             decimal=\",\").to_csv(…)`)",
        ),
        (
            '\t',
            "cells separated by tabs",
            "separate them by commas (`pandas.read_csv(FILE, sep=\"\\t\").to_csv(…)`)",
        ),
        ('|', "cells separated by `|`", "separate them by commas"),
    ] {
        if unquoted(line, separator) > commas {
            return Err((name.to_owned(), way_out));
        }
    }
    Ok(Content::Csv(text))
}

/// How often a separator stands outside of quotes.
fn unquoted(line: &str, separator: char) -> usize {
    let outside = line.split('"').step_by(2);
    outside.map(|part| part.matches(separator).count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let file = ScoreFile {
            name: "scores.csv",
            bytes,
        };
        content(file).unwrap_err().to_string()
    }

    #[test]
    fn other_formats_are_refused_by_their_name() {
        let csv = "token,hit\na,1\nb,0\n";
        let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            csv.encode_utf16().flat_map(to_bytes).collect()
        };
        let (little, big) = (utf_16(u16::to_le_bytes), utf_16(u16::to_be_bytes));
        let marked = [b"\xff\xfe".to_vec(), little.clone()].concat();
        let cases: [(&[u8], &str); 19] = [
            (b"token;hit\na;0,5\n", "separated by `;`"),
            (b"token\thit\na\t1\n", "separated by tabs"),
            (b"token|hit\na|1\n", "separated by `|`"),
            (b"\"a,b\";hit\nx;1\n", "separated by `;`"),
            (b"sep=;\ntoken;hit\n", "for Excel"),
            (b"[{\"token\": \"a\", \"hit\": 1}]", "got JSON"),
            (b" \n{\"token\": \"a\", \"hit\": 1}\n", "got JSON"),
            (b"<html>", "HTML"),
            (b"", "an empty file"),
            (b"\xef\xbb\xbf", "an empty file"),
            (&marked, "got UTF-16 text: save"),
            (&little, "byte-order mark (little-endian)"),
            (&big, "byte-order mark (big-endian)"),
            (b"\x1f\x8b\x08\x00", "`gunzip`"),
            (b"PK\x03\x04....", "Excel"),
            (b"BZh91AY&SY", "bzip2"),
            (b"token,hit\na,\xe4\n", "(byte 12 is no UTF-8)"),
            (b"token,hit\na,1\nb,\x000\n", "binary data (byte 16"),
            (b"ARROW1\x00\x00", "Feather"),
        ];
        for (bytes, expected) in cases {
            let refusal = refusal(bytes);
            assert!(
                refusal.contains(expected) && refusal.contains("expected CSV in UTF-8"),
                "{expected}: {refusal}"
            );
        }
    }

    #[test]
    fn csv_is_read_with_and_without_a_byte_order_mark() {
        for bytes in [
            b"token,hit\na,1\n".as_slice(),
            b"\xef\xbb\xbftoken,hit\na,1\n",
            b"token,\"hit; or; miss; or\"\na,1\n",
        ] {
            let file = ScoreFile {
                name: "scores.csv",
                bytes,
            };
            assert!(matches!(content(file), Ok(Content::Csv(text)) if text.starts_with("token")));
        }
    }
}
