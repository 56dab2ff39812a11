//! The groups of a file: which records it has, what they hold, and where they lie.

use std::collections::BTreeMap;

use super::blocks::{Block, Blocks};
use super::field::Field;
use super::frames::{FrameKind, Layout};
use crate::container::Damage;
use crate::error::Result;
use crate::limits::Limits;

/// Flags of a group: its records are values of variable length; its records are events of a bus; its time lies in another group.
const VALUES: u16 = 1;
const BUS_EVENTS: u16 = 2;
const REMOTE_MASTER: u16 = 8;
/// Types of channels: values that lie apart, the time, the time counted from records, values of no bytes.
const APART: u8 = 1;
const MASTER: u8 = 2;
const VIRTUAL_MASTER: u8 = 3;
const MAXIMUM_LENGTH: u8 = 5;
const VIRTUAL: u8 = 6;
/// The master channel counts seconds.
const TIME: u8 = 1;

/// A channel of a group, as far as frames ask for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChannelBlock {
    name: String,
    /// Whether it says when the records are from.
    pub(super) is_time: bool,
    /// Whether its values lie apart from the records.
    pub(super) is_apart: bool,
    /// Where they lie then.
    values: Option<u64>,
    pub(super) field: Option<Field>,
}

impl ChannelBlock {
    /// The name of the part of a frame that it is: that behind the frame's own.
    pub(super) fn part(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }
}

/// What the records of a group are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Records {
    Frames {
        layout: Box<Layout>,
        /// Where the payloads lie, where they lie apart.
        values: Option<u64>,
    },
    /// Values of variable length, of a channel of another group.
    Values,
    /// Something that no table takes.
    Others,
    /// They would be taken, and cannot be: why.
    Unreadable(String),
}

/// A group of records.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// Where its description begins.
    pub(super) at: u64,
    /// Its number in the file.
    pub(super) number: usize,
    /// What it calls itself.
    pub(super) name: String,
    /// The number that its records begin with, where those of several groups lie together.
    pub(super) record_id: u64,
    /// Records, as the file says.
    pub(super) count: u64,
    /// Bytes of a record, and of the bits behind it that say which values are invalid.
    pub(super) data_bytes: usize,
    pub(super) invalid_bytes: usize,
    pub(super) records: Records,
}

/// Groups whose records lie together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DataGroup {
    pub(super) data: Option<u64>,
    /// Bytes of the number that records begin with; zero where there is but one group.
    pub(super) id_bytes: usize,
    pub(super) groups: Vec<Group>,
}

/// Reads the descriptions of groups, one data group after the other.
pub(super) struct Groups<'a> {
    blocks: Blocks<'a>,
    limits: &'a Limits,
    next: Option<u64>,
    number: usize,
    /// What cannot be read of them.
    pub(super) damage: Vec<Damage>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(blocks: Blocks<'a>, limits: &'a Limits, first: Option<u64>) -> Self {
        Self {
            blocks,
            limits,
            next: first,
            number: 0,
            damage: Vec::new(),
        }
    }

    /// The next data group.
    pub(super) fn next(&mut self) -> Result<Option<DataGroup>> {
        let Some(at) = self.next.take() else {
            return Ok(None);
        };
        let Some(block) = self.block(at, *b"DG")? else {
            return Ok(None);
        };
        self.next = block.link(0);
        let mut groups = Vec::new();
        let mut next = block.link(1);
        while let Some(at) = next {
            let Some(block) = self.block(at, *b"CG")? else {
                break;
            };
            next = block.link(0);
            groups.push(self.group(at, &block)?);
        }
        Ok(Some(DataGroup {
            data: block.link(2),
            id_bytes: usize::from(block.u8(0)),
            groups,
        }))
    }

    /// A block; none where there is no such one, which is noted.
    fn block(&mut self, at: u64, kind: [u8; 2]) -> Result<Option<Block>> {
        let block = self.blocks.block(at, kind)?;
        Ok(block.map_err(|reason| self.lose(at, reason)).ok())
    }

    fn lose(&mut self, at: u64, reason: String) {
        self.damage.push(Damage {
            check: "declaration",
            offset: at,
            lost: 0,
            reason,
        });
    }

    fn group(&mut self, at: u64, block: &Block) -> Result<Group> {
        let flags = block.u16(16);
        let name = self.name(block.link(2))?;
        let number = self.number;
        self.number += 1;
        let records = if flags & VALUES != 0 {
            Records::Values
        } else if flags & BUS_EVENTS != 0 {
            self.bus_records(block, flags)?
        } else {
            Records::Others
        };
        let name = match (&records, name) {
            (_, Some(name)) => name,
            (Records::Frames { layout, .. }, None) => layout.kind.name().to_owned(),
            _ => format!("group {number}"),
        };
        Ok(Group {
            at,
            number,
            name,
            record_id: block.u64(0),
            count: block.u64(8),
            data_bytes: block.u32(24) as usize,
            invalid_bytes: block.u32(28) as usize,
            records,
        })
    }

    /// A name of the file; none where it is empty.
    fn name(&mut self, at: Option<u64>) -> Result<Option<String>> {
        let name = self.blocks.text(at, self.limits.name_bytes_max)?;
        Ok(name.filter(|name| !name.is_empty()))
    }

    /// What the records of a group of bus events are: frames of CAN, or those of another bus.
    fn bus_records(&mut self, block: &Block, flags: u16) -> Result<Records> {
        let mut channels = Vec::new();
        self.channels(block.link(1), 0, &mut channels)?;
        let kinds = channels.iter().map(|channel| FrameKind::of(&channel.name));
        let Some(kind) = kinds.flatten().next() else {
            return Ok(Records::Others);
        };
        if flags & REMOTE_MASTER != 0 {
            let reason = "expected records of whole frames, got a group whose time lies in another one (storage by columns)";
            return Ok(Records::Unreadable(reason.to_owned()));
        }
        let layout = match Layout::of(kind, &channels) {
            Ok(layout) => layout,
            Err(reason) => return Ok(Records::Unreadable(format!("{}: {reason}", kind.name()))),
        };
        let values = channels.iter().filter(|channel| channel.is_apart);
        let values = values
            .filter(|channel| channel.part() == "DataBytes")
            .find_map(|channel| channel.values);
        if layout.is_apart() && values.is_none() {
            let reason = "expected a link to the values of `DataBytes`, got none";
            return Ok(Records::Unreadable(reason.to_owned()));
        }
        Ok(Records::Frames {
            layout: Box::new(layout),
            values,
        })
    }

    /// A list of channels, each followed by those that it is composed of.
    fn channels(
        &mut self,
        first: Option<u64>,
        depth: usize,
        into: &mut Vec<ChannelBlock>,
    ) -> Result<()> {
        let mut next = first;
        while let Some(at) = next {
            if depth > self.limits.depth_max {
                let max = self.limits.depth_max;
                self.lose(
                    at,
                    format!("expected channels at most {max} deep (depth_max)"),
                );
                return Ok(());
            }
            let Some(block) = self.block(at, *b"CN")? else {
                return Ok(());
            };
            next = block.link(0);
            let channel = self.channel(&block)?;
            into.push(channel);
            // Arrays are composed of blocks of another kind: nothing of a frame is one.
            if let Some(part) = block.link(1)
                && self.blocks.bytes(part, 4)? == b"##CN"
            {
                self.channels(Some(part), depth + 1, into)?;
            }
        }
        Ok(())
    }

    fn channel(&mut self, block: &Block) -> Result<ChannelBlock> {
        let kind = block.u8(0);
        let conversion = match block.link(4) {
            Some(at) => self.blocks.shared(at, *b"CC")?.map(Some),
            None => Ok(None),
        };
        let is_virtual = matches!(kind, VIRTUAL | VIRTUAL_MASTER);
        let is_apart = kind == APART;
        let field = match conversion {
            _ if is_apart => Field::offset_of(block),
            Ok(conversion) if kind <= MAXIMUM_LENGTH || is_virtual => {
                Field::of(block, conversion.as_ref(), is_virtual)
            }
            // Without its conversion a number says something else.
            _ => None,
        };
        Ok(ChannelBlock {
            name: self.name(block.link(2))?.unwrap_or_default(),
            is_time: matches!(kind, MASTER | VIRTUAL_MASTER) && block.u8(1) == TIME,
            is_apart,
            values: block.link(5).filter(|_| is_apart),
            field,
        })
    }
}

impl DataGroup {
    /// The groups by the number that their records begin with.
    pub(super) fn by_record_id(&self) -> BTreeMap<u64, usize> {
        let mut places = BTreeMap::new();
        for (at, group) in self.groups.iter().enumerate() {
            places.entry(group.record_id).or_insert(at);
        }
        places
    }
}
