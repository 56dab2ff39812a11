//! What a file begins with: that it is one of MDF 4, whether it was finished, and when the recording began.

use driveloop_lake::ObjectEntry;

use super::blocks::{Block, Blocks, HEAD_BYTES, Head};
use crate::error::{Error, Result};

/// Bytes before the first block, which is the header's.
const IDENTIFICATION_BYTES: u64 = 64;
/// What a file begins with that was finished, and one that was not.
const FINISHED: &[u8] = b"MDF     ";
const UNFINISHED: &[u8] = b"UnFinMF ";
/// Where the version lies, and what is still to be done to an unfinished file.
const VERSION_AT: usize = 28;
const UNFINISHED_AT: usize = 60;
/// Times are of some zone that nobody says.
const LOCAL_TIME: u8 = 1;

/// What an unfinished file leaves open, by the bits of its identification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unfinished(u16);

impl Unfinished {
    /// Numbers of records are not set.
    pub(super) fn counts(self) -> bool {
        self.0 & 0x1 != 0
    }

    /// The length of the last data block is not set.
    pub(super) fn last_length(self) -> bool {
        self.0 & 0x4 != 0
    }

    /// The last list of data blocks is not filled.
    pub(super) fn last_list(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Where payloads lie is not set: they come in the order of their records.
    pub(super) fn payload_offsets(self) -> bool {
        self.0 & 0x40 != 0
    }
}

/// When a recording began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    /// Nanoseconds since 1970.
    pub(crate) start_ns: u64,
    /// Whether it is the time of some zone, not UTC.
    pub(crate) is_local: bool,
}

/// What a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) start: Start,
    /// What was left open, where the file was not finished.
    pub(super) unfinished: Option<Unfinished>,
    /// The first group of data.
    pub(super) first_group: Option<u64>,
}

/// Reads what a file begins with.
///
/// # Errors
/// When it does not begin as one of MDF 4, or the store fails.
pub(super) fn header(blocks: &mut Blocks<'_>, file: &ObjectEntry) -> Result<Header> {
    let start = blocks.bytes(0, IDENTIFICATION_BYTES)?;
    let wrong = |expected: &str, actual: String| Error::Format {
        file: file.path.clone(),
        expected: expected.to_owned(),
        actual,
    };
    let is_unfinished = start.starts_with(UNFINISHED);
    if start.len() < IDENTIFICATION_BYTES as usize
        || !(is_unfinished || start.starts_with(FINISHED))
    {
        let start = &start[..start.len().min(FINISHED.len())];
        let actual = format!("`{}`", String::from_utf8_lossy(start).escape_debug());
        return Err(wrong("a file of MDF 4", actual));
    }
    let u16_at = |at: usize| u16::from_le_bytes([start[at], start[at + 1]]);
    let version = u16_at(VERSION_AT);
    if !(400..500).contains(&version) {
        let actual = format!("version {}.{:02}", version / 100, version % 100);
        return Err(wrong("a file of MDF 4", actual));
    }
    let block = header_block(blocks)?;
    let block = block.map_err(|actual| wrong("the header of MDF 4 at byte 64", actual))?;
    Ok(Header {
        start: Start {
            start_ns: block.u64(0),
            is_local: block.u8(12) & LOCAL_TIME != 0,
        },
        unfinished: is_unfinished.then(|| Unfinished(u16_at(UNFINISHED_AT))),
        first_group: block.link(0),
    })
}

fn header_block(blocks: &mut Blocks<'_>) -> Result<Result<Block, String>> {
    let head = blocks.bytes(IDENTIFICATION_BYTES, HEAD_BYTES)?;
    // Times are all that is asked for, and lie behind the links: a block without them would say 1970.
    match Head::parse(&head) {
        Ok(head) if head.links < 6 || head.length - HEAD_BYTES - 8 * head.links < 13 => Ok(Err(
            format!("a block of {} bytes with {} links", head.length, head.links),
        )),
        _ => blocks.block(IDENTIFICATION_BYTES, *b"HD"),
    }
}
