//! The framing of an Arrow IPC file: its footer, and the blocks that the footer names. Everything that the file says about sizes is
//! compared with the file's own size and with [`Limits`] before memory is asked for by it.
//!
//! <https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format>

use arrow::buffer::Buffer;
use arrow::ipc::{self, MetadataVersion};

use super::fault::{Fault, Place};
use super::schema::{Column, columns};
use crate::limits::Limits;

const MAGIC: &[u8] = b"ARROW1";
/// The magic at the start, padded to eight bytes.
const HEAD_BYTES: usize = 8;
/// The length of the footer and the magic after it.
const TAIL_BYTES: usize = 10;
/// Begins a message since format version 0.15; files from before have its length at once.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Where a message and its body lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    offset: usize,
    metadata_bytes: usize,
    body_bytes: usize,
}

/// A file whose footer is sound.
pub(super) struct File {
    bytes: Buffer,
    version: MetadataVersion,
    /// The columns in the order of the file.
    pub(super) columns: Vec<Column>,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
    metadata_bytes_max: usize,
}

/// The metadata of a message, and its body.
pub(super) struct Message {
    metadata: Vec<u8>,
    pub(super) body: Buffer,
    place: Place,
}

impl File {
    /// Reads the footer. Of the columns, those that are `wanted` keep their names.
    pub(super) fn open(bytes: Buffer, wanted: &[&str], limits: &Limits) -> Result<Self, Fault> {
        let (footer, footer_start) = footer_of(&bytes, limits.table_metadata_bytes_max)?;
        let damaged = |expected, actual: &dyn std::fmt::Display| {
            Fault::damaged(Place::Footer, expected, actual)
        };
        let footer = ipc::root_as_footer(&footer)
            .map_err(|error| damaged("a footer that is a flatbuffer", &reason(&error)))?;
        let schema = footer
            .schema()
            .ok_or_else(|| damaged("a schema", &"none"))?;
        if schema.endianness() != ipc::Endianness::Little {
            return Err(damaged("numbers in little-endian order", &"others"));
        }
        Ok(Self {
            version: footer.version(),
            columns: columns(&schema, footer.version(), wanted, limits)?,
            dictionaries: blocks(footer.dictionaries(), footer_start, limits)?,
            batches: blocks(footer.recordBatches(), footer_start, limits)?,
            metadata_bytes_max: limits.table_metadata_bytes_max,
            bytes,
        })
    }

    /// The number of record batches.
    pub(super) fn batches(&self) -> usize {
        self.batches.len()
    }

    /// The number of dictionary batches.
    pub(super) fn dictionaries(&self) -> usize {
        self.dictionaries.len()
    }

    /// Reads the message of a batch that is below [`File::batches`] or [`File::dictionaries`]; the body stays where it is.
    pub(super) fn message(&self, place: Place) -> Result<Message, Fault> {
        let block = match place {
            Place::Batch(number) => self.batches.get(number),
            Place::Dictionary(number) => self.dictionaries.get(number),
            Place::Footer => None,
        };
        let block = block.ok_or_else(|| Fault::damaged(place, "a block", "none"))?;
        if block.metadata_bytes > self.metadata_bytes_max {
            return Err(Fault::Limit {
                limit: "table_metadata_bytes_max",
                max: self.metadata_bytes_max as u64,
                actual: block.metadata_bytes as u64,
            });
        }
        let body = block.offset + block.metadata_bytes;
        let metadata = &self.bytes[block.offset..body];
        let prefix = if metadata.starts_with(&CONTINUATION) {
            2 * CONTINUATION.len()
        } else {
            CONTINUATION.len()
        };
        let metadata = metadata
            .get(prefix..)
            .ok_or_else(|| Fault::damaged(place, "a message", "fewer bytes than its length has"))?;
        Ok(Message {
            // A copy, because the numbers of a flatbuffer are aligned.
            metadata: metadata.to_vec(),
            body: self.bytes.slice_with_length(body, block.body_bytes),
            place,
        })
    }

    /// The header of a message, of the version that the footer announces.
    pub(super) fn header<'m>(&self, message: &'m Message) -> Result<ipc::Message<'m>, Fault> {
        let damaged = |expected, actual: &dyn std::fmt::Display| {
            Fault::damaged(message.place, expected, actual)
        };
        let header = ipc::root_as_message(&message.metadata)
            .map_err(|error| damaged("messages that are flatbuffers", &reason(&error)))?;
        // Files of the first versions do not set the version of their footer.
        if self.version != MetadataVersion::V1 && header.version() != self.version {
            let actual = format!("{:?}", header.version());
            return Err(damaged("messages of the footer's version", &actual));
        }
        Ok(header)
    }
}

/// The bytes of the footer, and where they begin.
fn footer_of(bytes: &[u8], bytes_max: usize) -> Result<(Vec<u8>, usize), Fault> {
    let damaged = |expected, actual: String| Fault::damaged(Place::Footer, expected, actual);
    if !bytes.starts_with(MAGIC) {
        let kind = if bytes.starts_with(b"FEA1") {
            "a feather file of version 1"
        } else if bytes.starts_with(&CONTINUATION) {
            "an Arrow stream"
        } else {
            "other bytes"
        };
        return Err(damaged("`ARROW1` at its start", kind.to_owned()));
    }
    let whole = "`ARROW1` at its end";
    let Some(end) = bytes.len().checked_sub(TAIL_BYTES) else {
        return Err(damaged(whole, format!("{} bytes", bytes.len())));
    };
    let Some((length, MAGIC)) = bytes[end..].split_first_chunk() else {
        return Err(damaged(whole, "other bytes".to_owned()));
    };
    let length = i32::from_le_bytes(*length);
    let start = usize::try_from(length).ok();
    let start = start.and_then(|length| end.checked_sub(length));
    let Some(start) = start.filter(|start| *start >= HEAD_BYTES && *start < end) else {
        let actual = format!("one of {length} bytes in a file of {}", bytes.len());
        return Err(damaged("a footer within the file", actual));
    };
    let actual = end - start;
    if actual > bytes_max {
        return Err(Fault::Limit {
            limit: "table_metadata_bytes_max",
            max: bytes_max as u64,
            actual: actual as u64,
        });
    }
    // A copy, because the numbers of a flatbuffer are aligned.
    Ok((bytes[start..end].to_vec(), start))
}

fn blocks<'b>(
    blocks: Option<impl IntoIterator<Item = &'b ipc::Block>>,
    end: usize,
    limits: &Limits,
) -> Result<Vec<Block>, Fault> {
    let mut checked = Vec::new();
    for block in blocks.into_iter().flatten() {
        if checked.len() >= limits.table_batches_max {
            return Err(Fault::Limit {
                limit: "table_batches_max",
                max: limits.table_batches_max as u64,
                actual: checked.len() as u64 + 1,
            });
        }
        let block = checked_block(block, end).ok_or_else(|| {
            let actual = format!(
                "a block of {} + {} bytes at {}",
                block.metaDataLength(),
                block.bodyLength(),
                block.offset()
            );
            Fault::damaged(Place::Footer, "blocks within the file", actual)
        })?;
        checked.push(block);
    }
    Ok(checked)
}

/// The block where it lies between the head of the file and `end`.
fn checked_block(block: &ipc::Block, end: usize) -> Option<Block> {
    let offset = usize::try_from(block.offset()).ok()?;
    let metadata_bytes = usize::try_from(block.metaDataLength()).ok()?;
    let body_bytes = usize::try_from(block.bodyLength()).ok()?;
    let block_end = offset
        .checked_add(metadata_bytes)?
        .checked_add(body_bytes)?;
    (offset >= HEAD_BYTES && block_end <= end).then_some(Block {
        offset,
        metadata_bytes,
        body_bytes,
    })
}

/// What a verifier says, without the trace through the schema of the format itself.
fn reason(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
