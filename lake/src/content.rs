//! What a commit holds, as a number beside its transaction ids: other content under an id that is in the table is told by it.
//!
//! The number is the `version` of the commit's `txn` actions, which Delta leaves to the writer and keeps in its checkpoints. A
//! table that an older version of driveloop wrote has 1 there, and so has a commit of staged rows, whose ids name the log that
//! the rows were read from: nothing is said of their content.

use std::fmt;
use std::io::Write;

use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use driveloop_schemas::TableSpec;
use sha2::{Digest as _, Sha256};

use crate::error::Result;

/// Bits that say which version of the table's columns the rows had: those of another version are not compared.
const VERSION_BITS: u32 = 8;
/// Bits that say which ids were committed together: the content of a part is not that of the whole.
const IDS_BITS: u32 = 16;
/// Bits of the digest of the rows. Two that differ have the same bits once in 500,000,000,000 times.
const ROWS_BITS: u32 = 63 - VERSION_BITS - IDS_BITS;
/// Rows that are encoded at a time.
const CHUNK_ROWS: usize = 8192;

/// The content of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content(i64);

impl Content {
    /// Nothing is known of it.
    pub(crate) const UNKNOWN: Self = Self(1);

    /// The content of a commit of rows, which are in the order of the table's key, under ids.
    pub(crate) fn of(spec: &TableSpec, ids: &[String], rows: &RecordBatch) -> Result<Self> {
        if ids.is_empty() {
            return Ok(Self::UNKNOWN);
        }
        let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let ids = bits(crate::digest::digest(sorted).as_bytes(), IDS_BITS);
        let rows = bits(&digest_of_rows(spec, rows)?, ROWS_BITS);
        let version = i64::from(spec.version) & ((1 << VERSION_BITS) - 1);
        Ok(Self(
            rows << (VERSION_BITS + IDS_BITS) | ids << VERSION_BITS | version,
        ))
    }

    /// What the log says of a transaction.
    pub(crate) fn from_log(version: i64) -> Self {
        Self(version)
    }

    pub(crate) fn in_log(self) -> i64 {
        self.0
    }

    /// Whether two commits under one id are known to hold different rows.
    pub(crate) fn contradicts(self, other: Self) -> bool {
        let comparable = |content: Self| content.0 & ((1 << (VERSION_BITS + IDS_BITS)) - 1);
        let is_known = self != Self::UNKNOWN && other != Self::UNKNOWN;
        is_known && comparable(self) == comparable(other) && self != other
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = ROWS_BITS.div_ceil(4) as usize;
        write!(f, "{:0digits$x}", self.0 >> (VERSION_BITS + IDS_BITS))
    }
}

/// SHA-256 of the rows as Arrow IPC messages, in chunks that depend on the number of rows alone.
fn digest_of_rows(spec: &TableSpec, rows: &RecordBatch) -> Result<Vec<u8>> {
    let fail = |source| driveloop_schemas::Error::Arrow {
        table: spec.name,
        source,
    };
    let mut writer = StreamWriter::try_new(Hashing(Sha256::new()), &rows.schema()).map_err(fail)?;
    for start in (0..rows.num_rows()).step_by(CHUNK_ROWS) {
        let length = CHUNK_ROWS.min(rows.num_rows() - start);
        writer.write(&rows.slice(start, length)).map_err(fail)?;
    }
    let hashing = writer.into_inner().map_err(fail)?;
    Ok(hashing.0.finalize().to_vec())
}

/// The first bits of some bytes.
fn bits(bytes: &[u8], count: u32) -> i64 {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(bytes) {
        *to = *from;
    }
    (u64::from_be_bytes(first) >> (64 - count)) as i64
}

/// Digests what is written to it.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use driveloop_schemas::{Prediction, Row as _};

    use super::*;

    fn content(ids: &[&str], x_m: &[f64]) -> Content {
        let row = |(number, x_m): (usize, &f64)| Prediction {
            model_id: "m".into(),
            dataset: "d".into(),
            sample_id: format!("{number:06}").into(),
            x_m: vec![*x_m],
            y_m: vec![0.0],
        };
        let rows: Vec<_> = x_m.iter().enumerate().map(row).collect();
        let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
        let batch = Prediction::to_batch(&rows).unwrap();
        Content::of(Prediction::SPEC, &ids, &batch).unwrap()
    }

    #[test]
    fn rows_differ_where_their_ids_are_the_same() {
        let one = content(&["a", "b"], &[1.0, 2.0]);
        assert_eq!(one, content(&["b", "a"], &[1.0, 2.0]));
        assert!(one.contradicts(content(&["a", "b"], &[1.0, 2.5])));
        assert!(one.contradicts(content(&["a", "b"], &[1.0])));
        assert!(one.contradicts(content(&["a", "b"], &[])));
        assert!(!one.contradicts(one));
        // What was committed with other ids, or by an older version, is not compared.
        assert!(!one.contradicts(content(&["a"], &[1.0, 2.5])));
        assert!(!one.contradicts(Content::UNKNOWN) && !Content::UNKNOWN.contradicts(one));
        assert!(one.in_log() > 1);
        assert_eq!(Content::from_log(one.in_log()), one);
    }

    #[test]
    fn a_row_in_any_chunk_counts() {
        let x_m: Vec<f64> = (0..20_000).map(f64::from).collect();
        let one = content(&["a"], &x_m);
        for place in [0, 8191, 8192, 19_999] {
            let mut other = x_m.clone();
            other[place] += 0.5;
            assert!(one.contradicts(content(&["a"], &other)), "{place}");
        }
    }
}
