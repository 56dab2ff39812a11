//! The summary at the end of a file: it is believed only where its checksum holds.

use std::collections::BTreeMap;

use driveloop_lake::ObjectEntry;
use mcap::records::op;

use super::declarations::Declarations;
use super::records::{Fields, HEAD_BYTES, Head, metadata};
use crate::blob::Blobs;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Head and body of the footer, and the magic behind it.
const END_BYTES: u64 = (HEAD_BYTES + FOOTER_BYTES + mcap::MAGIC.len()) as u64;
/// Body of the footer: where the summary and its offsets begin, and its checksum.
const FOOTER_BYTES: usize = 8 + 8 + 4;
/// Body of the record that ends the data: the checksum of all before it.
const DATA_END_BYTES: u64 = 4;

/// What the summary of a file says.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) declarations: Declarations,
    /// Start and end of each chunk in the file, by start.
    pub(crate) chunks: BTreeMap<u64, u64>,
    /// Start and length of the first metadata record of each name.
    pub(crate) metadata: BTreeMap<String, (u64, u64)>,
    /// How many metadata records there are, where the file counts them.
    metadata_count: Option<u32>,
    /// How many messages there are, where the file counts them.
    pub(crate) message_count: Option<u64>,
    /// Whether the data has a checksum.
    pub(crate) has_data_checksum: bool,
}

/// Refuses a file that is none.
pub(crate) fn check_magic(blobs: &Blobs, file: &ObjectEntry) -> Result<()> {
    let head = blobs.range(file, 0, mcap::MAGIC.len() as u64)?;
    if head == mcap::MAGIC {
        return Ok(());
    }
    let actual = if head.is_empty() {
        "an empty file".to_owned()
    } else {
        format!("the bytes {}", hex::encode(&head))
    };
    Err(Error::Format {
        file: file.path.clone(),
        expected: "an MCAP file (magic 894d434150300d0a)".to_owned(),
        actual,
    })
}

impl Summary {
    /// Reads the summary; `None` where there is none, it is damaged, or larger than the limit.
    pub(crate) fn read(blobs: &Blobs, file: &ObjectEntry, limits: &Limits) -> Result<Option<Self>> {
        let Some(end) = file.size.checked_sub(END_BYTES) else {
            return Ok(None);
        };
        let footer = blobs.range(file, end, file.size)?;
        let Some((start, checksum)) = parse_footer(&footer) else {
            return Ok(None);
        };
        let bounded = end.saturating_sub(start) <= limits.summary_bytes_max;
        if start == 0 || start > end || !bounded {
            return Ok(None);
        }
        let data_end = start.saturating_sub(HEAD_BYTES as u64 + DATA_END_BYTES);
        let bytes = blobs.range(file, data_end, end)?;
        let Some((data_end, records)) = bytes.split_at_checked((start - data_end) as usize) else {
            return Ok(None);
        };
        if checksum != 0 {
            let mut hash = crc32fast::Hasher::new();
            hash.update(records);
            // The checksum goes on over the footer, up to itself.
            hash.update(&footer[..HEAD_BYTES + FOOTER_BYTES - 4]);
            if hash.finalize() != checksum {
                return Ok(None);
            }
        }
        let mut summary = Self {
            has_data_checksum: !data_end.ends_with(&[0; 4]),
            ..Self::default()
        };
        Ok(summary.records(records, limits).map(|()| summary))
    }

    /// Takes the records; `None` where they are not what they should be.
    fn records(&mut self, mut bytes: &[u8], limits: &Limits) -> Option<()> {
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
            let head = Head::parse(head)?;
            let (body, rest) = rest.split_at_checked(usize::try_from(head.length).ok()?)?;
            bytes = rest;
            let mut fields = Fields(body);
            match head.opcode {
                op::SCHEMA => self.declarations.schema(body, limits).ok()?,
                op::CHANNEL => {
                    self.declarations.channel(body, limits).ok()?;
                }
                op::CHUNK_INDEX => {
                    fields.bytes(16)?;
                    let (start, length) = (fields.u64()?, fields.u64()?);
                    self.chunks.insert(start, start.checked_add(length)?);
                }
                op::STATISTICS => {
                    // Counts of messages, schemas, channels and attachments come first.
                    self.message_count = Some(fields.u64()?);
                    fields.bytes(2 + 4 + 4)?;
                    self.metadata_count = Some(fields.u32()?);
                }
                op::METADATA_INDEX => {
                    let (offset, length) = (fields.u64()?, fields.u64()?);
                    let name = fields.text()?.to_owned();
                    self.metadata.entry(name).or_insert((offset, length));
                }
                _ => {}
            }
        }
        Some(())
    }

    /// The entries of a metadata record, by way of the index, none where the file counts no such record; `None` where the index does not
    /// say where one is, or what lies there is not one.
    pub(crate) fn metadata(
        &self,
        blobs: &Blobs,
        file: &ObjectEntry,
        limits: &Limits,
        wanted: &str,
    ) -> Result<Option<BTreeMap<String, String>>> {
        let Some((offset, length)) = self.metadata.get(wanted) else {
            let has_none = self.metadata_count == Some(0);
            return Ok(has_none.then(BTreeMap::new));
        };
        if *length > limits.summary_bytes_max {
            return Ok(None);
        }
        let bytes = blobs.range(file, *offset, offset.saturating_add(*length))?;
        let body = bytes.get(HEAD_BYTES..).unwrap_or_default();
        let found = metadata(body).filter(|(name, _)| *name == wanted);
        Ok(found.map(|(_, entries)| owned(entries)))
    }
}

/// The entries of a metadata record, by key.
pub(crate) fn owned(entries: Vec<(&str, &str)>) -> BTreeMap<String, String> {
    let entries = entries.into_iter();
    entries
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Start and checksum of the summary.
fn parse_footer(bytes: &[u8]) -> Option<(u64, u32)> {
    let head = Head::parse(bytes)?;
    let is_footer = head.opcode == op::FOOTER && head.length == FOOTER_BYTES as u64;
    let mut fields = Fields(bytes.get(HEAD_BYTES..).filter(|_| is_footer)?);
    let start = fields.u64()?;
    fields.u64()?;
    let checksum = fields.u32()?;
    (fields.0 == mcap::MAGIC).then_some((start, checksum))
}
