//! The records of a data group, cut out of its run of bytes: those of one group one behind the other, or those of several with a number
//! before each.

use std::collections::BTreeMap;

use super::blocks::number;
use super::chain::{Chain, Piece};
use super::field::Record;
use super::groups::{DataGroup, Group, Records};
use super::output::{Output, State};
use crate::container::Damage;
use crate::error::Result;

/// A record that was found in the bytes.
struct Cut {
    /// The place of its group.
    group: usize,
    /// Where its data begins, the bits of its invalid values, and what follows.
    data: usize,
    invalid: usize,
    end: usize,
}

/// What the next bytes are.
enum Next {
    Record(Cut),
    /// More of them are needed.
    More,
    /// No record, and none can be found behind it.
    Broken(String),
}

/// Reads a data group from its first record to its last.
pub(super) struct Walk<'a, 'g> {
    group: &'g DataGroup,
    by_id: BTreeMap<u64, usize>,
    chain: Chain<'a>,
    bytes: Vec<u8>,
    /// Bytes of them that were gone over.
    at: usize,
    /// Bytes that are still to be gone over: the rest of a record whose start is lost.
    skip: u64,
    record_bytes_max: u64,
}

impl<'a, 'g> Walk<'a, 'g> {
    pub(super) fn new(group: &'g DataGroup, chain: Chain<'a>, record_bytes_max: u64) -> Self {
        Self {
            group,
            by_id: group.by_record_id(),
            chain,
            bytes: Vec::new(),
            at: 0,
            skip: 0,
            record_bytes_max,
        }
    }

    /// Hands on all records.
    pub(super) fn run(
        &mut self,
        output: &mut Output<'a, '_>,
        states: &mut [State<'a>],
    ) -> Result<()> {
        loop {
            match self.cut() {
                Next::Record(cut) => self.take(&cut, output, states)?,
                Next::More => {
                    if !self.read(output, states)? {
                        break;
                    }
                }
                Next::Broken(reason) => {
                    self.lose("record_damaged", 0, reason, output);
                    return Ok(());
                }
            }
        }
        if self.at < self.bytes.len() {
            let lost = u64::from(!(output.has_counts() || self.is_value()));
            let reason = "expected a whole record, got a part of one before the end".to_owned();
            self.lose("truncated", lost, reason, output);
        }
        Ok(())
    }

    /// Whether what is left is the start of a value, not of a record: the record that waits for it is counted by itself.
    fn is_value(&self) -> bool {
        let start = self.bytes[self.at..].get(..self.group.id_bytes);
        let place = start.and_then(|start| self.by_id.get(&number(start)));
        let group = place.and_then(|place| self.group.groups.get(*place));
        self.group.id_bytes > 0 && group.is_some_and(|group| group.records == Records::Values)
    }

    fn lose(&self, check: &'static str, lost: u64, reason: String, output: &mut Output<'a, '_>) {
        output.ledger.damage.push(Damage {
            check,
            offset: self.chain.offset(),
            lost,
            reason,
        });
    }

    /// Reads on; says whether there is more.
    fn read(&mut self, output: &mut Output<'a, '_>, states: &mut [State<'a>]) -> Result<bool> {
        self.bytes.drain(..self.at);
        self.at = 0;
        let piece = self.chain.next(&mut self.bytes, &mut output.ledger)?;
        let is_more = match piece {
            Piece::Bytes => true,
            Piece::Gap(bytes) => self.go_over_gap(bytes, output, states),
            Piece::End => false,
        };
        output.tell();
        let over = self.skip.min(self.bytes.len() as u64);
        self.skip -= over;
        self.at = over as usize;
        Ok(is_more)
    }

    /// Goes over lost bytes; says whether the next record can be found behind them.
    fn go_over_gap(
        &mut self,
        bytes: u64,
        output: &mut Output<'a, '_>,
        states: &mut [State<'a>],
    ) -> bool {
        let begun = std::mem::take(&mut self.bytes).len() as u64;
        let (Some(group), Some(state)) = (self.group.groups.first(), states.first_mut()) else {
            return false;
        };
        let size = (group.data_bytes + self.invalid_bytes(group)) as u64;
        let lost_bytes = begun.checked_add(bytes);
        let Some(lost_bytes) = lost_bytes.filter(|_| self.group.id_bytes == 0 && size > 0) else {
            return false;
        };
        let lost = lost_bytes.div_ceil(size);
        self.skip = (size - lost_bytes % size) % size;
        state.go_over(lost);
        if !output.has_counts()
            && let Some(damage) = output.ledger.damage.last_mut()
        {
            damage.lost = lost.min(output.limits.records_max);
        }
        true
    }

    fn invalid_bytes(&self, group: &Group) -> usize {
        if self.chain.is_bare() {
            0
        } else {
            group.invalid_bytes
        }
    }

    fn cut(&self) -> Next {
        let bytes = &self.bytes[self.at..];
        let id_bytes = self.group.id_bytes;
        if bytes.len() <= id_bytes {
            return Next::More;
        }
        let record_id = number(&bytes[..id_bytes]);
        let place = if id_bytes == 0 {
            Some(0)
        } else {
            self.by_id.get(&record_id).copied()
        };
        let Some((place, group)) = place.and_then(|at| Some((at, self.group.groups.get(at)?)))
        else {
            return Next::Broken(format!(
                "expected a record of a group, got the number {record_id}, which none has"
            ));
        };
        let (data, size) = if group.records == Records::Values {
            let Some(length) = bytes.get(id_bytes..id_bytes + 4) else {
                return Next::More;
            };
            (id_bytes + 4, number(length))
        } else {
            let size = group.data_bytes + self.invalid_bytes(group);
            (id_bytes, size as u64)
        };
        if size > self.record_bytes_max {
            let max = self.record_bytes_max;
            return Next::Broken(format!(
                "expected a record of at most {max} bytes (chunk_bytes_max), got {size}"
            ));
        }
        let end = data + size as usize;
        if end == 0 {
            return Next::Broken("expected records, got such as have no bytes".to_owned());
        }
        if bytes.len() < end {
            return Next::More;
        }
        let is_value = group.records == Records::Values;
        let invalid = if is_value {
            end
        } else {
            data + group.data_bytes
        };
        Next::Record(Cut {
            group: place,
            data,
            invalid,
            end,
        })
    }

    fn take(
        &mut self,
        cut: &Cut,
        output: &mut Output<'a, '_>,
        states: &mut [State<'a>],
    ) -> Result<()> {
        let group = &self.group.groups[cut.group];
        let bytes = &self.bytes[self.at..self.at + cut.end];
        let data = &bytes[cut.data..cut.invalid];
        if group.records == Records::Values {
            let mut owners = states.iter_mut().zip(&self.group.groups);
            if let Some((owner, of)) = owners.find(|(state, _)| state.is_owner_of(group.at)) {
                owner.value(data, of, output)?;
            }
        } else if let Some(state) = states.get_mut(cut.group) {
            let record = Record {
                index: state.next_index(),
                data,
                invalid: &bytes[cut.invalid..],
            };
            state.record(group, &record, output)?;
        }
        self.at += cut.end;
        Ok(())
    }
}
