//! Bus logs in MDF 4 (ASAM Measurement Data Format, versions 4.0 to 4.3): frames of CAN buses, as groups of bus events have them.
//!
//! A file is a graph of blocks. Data groups say where records lie: in one block, or in lists of blocks, of which some are packed; the
//! records of one group alone, or those of several mixed. Each group says what its records are by a list of channels. Frames are handed
//! on as messages of a topic `CAN1`, for bus 1, whatever group they are of; records of other groups as messages that no table takes.
//! Files that a logger did not finish are read as far as they go.
//!
//! Not read: values that are stored by columns (4.2), frames of other buses, and measured values.

mod blocks;
mod chain;
mod field;
mod frames;
mod groups;
mod header;
mod output;
mod payloads;
mod records;
mod unpack;

use driveloop_lake::ObjectEntry;

use super::input::Input;
use super::{Damage, Visitor};
use crate::blob::Blobs;
use crate::error::Result;
use crate::limits::Limits;
use blocks::Blocks;
use chain::{Chain, Ledger};
use groups::{DataGroup, Group, Groups, Records};
use header::{Header, Unfinished};
use output::{Output, State};
use payloads::Payloads;
use records::Walk;

pub(crate) use header::Start;

/// When the recording of a file began.
///
/// # Errors
/// When the file does not begin as one of MDF 4, or the store fails.
pub(crate) fn start(blobs: &Blobs, file: &ObjectEntry, limits: &Limits) -> Result<Start> {
    let mut blocks = Blocks::new(blobs, file, limits);
    Ok(header::header(&mut blocks, file)?.start)
}

/// Reads a file from its first group to its last.
///
/// # Errors
/// When the file does not begin as one of MDF 4, the store fails, or the visitor does.
pub(crate) fn scan(
    blobs: &Blobs,
    file: &ObjectEntry,
    limits: &Limits,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let mut blocks = Blocks::new(blobs, file, limits);
    let header = header::header(&mut blocks, file)?;
    visitor.file(&file.path);
    say_assumptions(&header, visitor);
    let scan = Scan {
        blobs,
        file,
        limits,
        unfinished: header.unfinished,
    };
    let mut groups = Groups::new(blocks, limits, header.first_group);
    let mut output = Output::new(limits, Ledger::of(file.size), header, visitor);
    loop {
        let group = groups.next()?;
        output.ledger.damage.append(&mut groups.damage);
        output.tell();
        match group {
            Some(group) => scan.data_group(&group, &mut output)?,
            None => break,
        }
    }
    output.finish(&file.path);
    Ok(())
}

fn say_assumptions(header: &Header, visitor: &mut dyn Visitor) {
    if header.start.is_local {
        visitor.assumed(
            "local_time",
            "expected a start in UTC, got one in local time of a zone that the file does not say: it is taken for UTC",
        );
    }
    if header.unfinished.is_some() {
        visitor.assumed(
            "unfinished_file",
            "expected a file that its logger finished, got one that it did not: it is read as far as it goes",
        );
    }
}

/// A file while it is read.
struct Scan<'a> {
    blobs: &'a Blobs,
    file: &'a ObjectEntry,
    limits: &'a Limits,
    unfinished: Option<Unfinished>,
}

impl<'a> Scan<'a> {
    fn data_group(&self, group: &DataGroup, output: &mut Output<'a, '_>) -> Result<()> {
        let mut states = Vec::new();
        for each in &group.groups {
            states.push(self.state(each, group)?);
        }
        if let Some(data) = group.data {
            let (id_bytes, count) = (group.id_bytes, group.groups.len());
            let is_sound = matches!(id_bytes, 1 | 2 | 4 | 8) || (id_bytes == 0 && count <= 1);
            if is_sound {
                let max = self.limits.chunk_bytes_max;
                let mut walk = Walk::new(group, self.chain(data)?, max);
                walk.run(output, &mut states)?;
            } else {
                let reason = format!(
                    "expected records with a number of 1, 2, 4 or 8 bytes, or those of one group, got {id_bytes} bytes and {count} groups"
                );
                output.ledger.damage.push(Damage {
                    check: "declaration",
                    offset: group.groups.first().map_or(data, |group| group.at),
                    lost: 0,
                    reason,
                });
            }
        }
        for (state, group) in states.into_iter().zip(&group.groups) {
            state.finish(group, output)?;
        }
        Ok(())
    }

    fn state(&self, group: &Group, of: &DataGroup) -> Result<State<'a>> {
        let Records::Frames {
            values: Some(values),
            ..
        } = &group.records
        else {
            return Ok(State::new());
        };
        let is_between = of
            .groups
            .iter()
            .any(|other| other.at == *values && other.records == Records::Values);
        if is_between {
            let in_order = self.unfinished.is_some_and(Unfinished::payload_offsets);
            return Ok(State::between(*values, in_order));
        }
        Ok(State::of(Payloads::of(self.chain(*values)?)))
    }

    fn chain(&self, link: u64) -> Result<Chain<'a>> {
        let input = Input::start(self.blobs, self.file)?;
        let open = self.unfinished;
        let is_unfinished = open.is_some_and(|open| open.last_length() || open.last_list());
        Ok(Chain::new(input, self.limits, link, is_unfinished))
    }
}
