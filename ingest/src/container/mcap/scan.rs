//! The records of an MCAP file, with what is damaged set aside.
//!
//! The file is read record by record, a chunk at a time. A chunk's messages are given on only when the whole chunk was unpacked and its
//! sizes and checksum held. Where the framing itself is broken, reading goes on at the next chunk: by the summary's index where
//! there is one, else where the bytes look like a chunk whose sizes agree. So no broken length hides the chunks behind it.

use std::collections::BTreeMap;

use driveloop_lake::ObjectEntry;
use mcap::records::op;

use super::records::{self, HEAD_BYTES, Head};
use super::summary::{Summary, check_magic, owned};
use super::walk::Walk;
use crate::blob::Blobs;
use crate::container::Visitor;
use crate::container::input::Input;
use crate::error::Result;
use crate::limits::Limits;

/// Reads the file from start to end.
///
/// # Errors
/// When the file does not begin as an MCAP file, the store fails, or the visitor does.
pub(crate) fn scan(
    blobs: &Blobs,
    file: &ObjectEntry,
    limits: &Limits,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    check_magic(blobs, file)?;
    visitor.file(&file.path);
    let summary = Summary::read(blobs, file, limits)?.unwrap_or_default();
    for id in summary.declarations.ids() {
        if let Some(channel) = summary.declarations.get(id) {
            visitor.channel(id, channel);
        }
    }
    let mut input = Input::start(blobs, file)?;
    if summary.has_data_checksum {
        input.hash();
    }
    input.consume(mcap::MAGIC.len() as u64)?;
    let mut walk = Walk::start(limits, visitor, summary, input.offset());
    while walk.next(&mut input)? {}
    walk.flush();
    if let Some(count) = walk.message_count {
        walk.visitor.counted(&file.path, count);
    }
    Ok(())
}

/// The metadata record of a name, by way of the file's summary where that is whole, else by going through its records.
pub(crate) fn metadata(
    blobs: &Blobs,
    file: &ObjectEntry,
    limits: &Limits,
    wanted: &str,
) -> Result<BTreeMap<String, String>> {
    check_magic(blobs, file)?;
    if let Some(summary) = Summary::read(blobs, file, limits)?
        && let Some(found) = summary.metadata(blobs, file, limits, wanted)?
    {
        return Ok(found);
    }
    let mut input = Input::start(blobs, file)?;
    input.consume(mcap::MAGIC.len() as u64)?;
    while let Some(head) = Head::parse(input.peek(HEAD_BYTES)?).filter(|head| head.is_known()) {
        input.consume(HEAD_BYTES as u64)?;
        if input.size() - input.offset() < head.length {
            break;
        }
        if head.opcode == op::METADATA && head.length <= limits.summary_bytes_max {
            let body = input.peek(head.length as usize)?;
            if let Some((name, entries)) = records::metadata(body)
                && name == wanted
            {
                return Ok(owned(entries));
            }
        }
        input.consume(head.length)?;
    }
    Ok(BTreeMap::new())
}
