//! The data of a group or a channel: one block, or lists of blocks of which some are packed. It is given in pieces, as one run of bytes.

use std::collections::VecDeque;

use super::blocks::{Block, HEAD_BYTES, Head, Kind, name_of};
use super::unpack::Packed;
use crate::container::Damage;
use crate::container::input::Input;
use crate::error::Result;
use crate::limits::Limits;

/// Bytes of a piece of a plain block.
const PIECE_BYTES: u64 = 256 << 10;
/// What a block costs that does not follow the one before: links that lead to and fro make a small file slow.
const JUMP_BYTES: u64 = 4 << 10;
/// Jumps that every file may have.
const JUMPS_MIN: u64 = 4096;
/// The flag of lists whose blocks have one length.
const EQUAL_LENGTH: u8 = 1;

/// What reading a file may still cost, and what was found damaged on the way.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Bytes of blocks, and what jumps between them cost.
    bytes_left: u64,
    /// Damage that the visitor was not yet told of.
    pub(super) damage: Vec<Damage>,
}

impl Ledger {
    /// For a file of so many bytes. Each of its blocks belongs to one run of bytes; some writers let two share one.
    pub(super) fn of(file_bytes: u64) -> Self {
        Self {
            bytes_left: file_bytes
                .saturating_mul(2)
                .saturating_add(JUMPS_MIN * JUMP_BYTES),
            damage: Vec::new(),
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), String> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or_else(|| {
            "expected blocks that lie in the file once, got some again and again".to_owned()
        })?;
        Ok(())
    }
}

/// What comes next of a run of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes, which were put behind those that there were.
    Bytes,
    /// So many bytes are lost; those behind them follow.
    Gap(u64),
    /// Nothing, or nothing of which one knows where it belongs.
    End,
}

/// A run of bytes while it is read.
pub(super) struct Chain<'a> {
    input: Input<'a>,
    limits: &'a Limits,
    /// Whether the last block may be longer than it says, and the last list not filled.
    is_unfinished: bool,
    /// Blocks that come next, and where their bytes begin in the run, where a list says it.
    next: VecDeque<(u64, Option<u64>)>,
    next_list: Option<u64>,
    /// Blocks of lists so far.
    listed: u64,
    /// Bytes of a plain block that are still to come.
    left: u64,
    /// Bytes that were given, or passed over as lost.
    position: u64,
    /// A block is lost, and it is not known how many bytes it had.
    is_broken: bool,
    /// Whether values lie without the bits that say which of them are invalid.
    is_bare: bool,
}

impl<'a> Chain<'a> {
    /// The run that a link leads to.
    pub(super) fn new(
        input: Input<'a>,
        limits: &'a Limits,
        link: u64,
        is_unfinished: bool,
    ) -> Self {
        Self {
            input,
            limits,
            is_unfinished,
            next: VecDeque::from([(link, Some(0))]),
            next_list: None,
            listed: 0,
            left: 0,
            position: 0,
            is_broken: false,
            is_bare: false,
        }
    }

    /// Whether records lie without the bits that say which of their values are invalid. It is known once a piece was read.
    pub(super) fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Where in the file reading is.
    pub(super) fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Reads on, and puts what comes behind `into`.
    pub(super) fn next(&mut self, into: &mut Vec<u8>, ledger: &mut Ledger) -> Result<Piece> {
        loop {
            if self.left > 0 {
                return self.plain(into, ledger);
            }
            let Some((at, start)) = self.next.pop_front() else {
                let Some(at) = self.next_list.take() else {
                    return Ok(Piece::End);
                };
                self.next.push_front((at, None));
                if self.is_broken {
                    // The list itself is read: it may say where its blocks belong.
                    self.list_behind_break(ledger)?;
                }
                continue;
            };
            if self.is_broken {
                let gap = start.and_then(|start| start.checked_sub(self.position));
                let Some(gap) = gap else {
                    return Ok(self.end());
                };
                self.is_broken = false;
                self.position += gap;
                self.next.push_front((at, None));
                return Ok(Piece::Gap(gap));
            }
            match self.open(at, into, ledger)? {
                Ok(None) => {}
                Ok(Some(piece)) => return Ok(piece),
                Err(reason) => self.lose(at, reason, ledger),
            }
        }
    }

    fn end(&mut self) -> Piece {
        self.next.clear();
        (self.next_list, self.left) = (None, 0);
        Piece::End
    }

    fn lose(&mut self, at: u64, reason: String, ledger: &mut Ledger) {
        self.is_broken = true;
        ledger.damage.push(Damage {
            check: "chunk_damaged",
            offset: at,
            lost: 0,
            reason,
        });
    }

    /// The next part of a plain block.
    fn plain(&mut self, into: &mut Vec<u8>, ledger: &mut Ledger) -> Result<Piece> {
        let wanted = self.left.min(PIECE_BYTES);
        let bytes = self.input.peek(wanted as usize)?;
        let actual = bytes.len() as u64;
        into.extend_from_slice(bytes);
        self.input.consume(actual)?;
        self.left -= actual;
        self.position = self.position.saturating_add(actual);
        if actual == wanted {
            return Ok(Piece::Bytes);
        }
        let missing = self.left;
        ledger.damage.push(Damage {
            check: "truncated",
            offset: self.input.offset(),
            lost: 0,
            reason: format!("expected {missing} more bytes of a block, got the end of the file"),
        });
        self.end();
        let is_something = actual > 0;
        Ok(if is_something {
            Piece::Bytes
        } else {
            Piece::End
        })
    }

    /// Begins with a block. A packed one gives its piece at once; lists say what comes next. The inner error says why it is lost.
    fn open(
        &mut self,
        at: u64,
        into: &mut Vec<u8>,
        ledger: &mut Ledger,
    ) -> Result<Result<Option<Piece>, String>> {
        if at == 0 {
            let is_end = self.is_unfinished && self.next.iter().all(|(at, _)| *at == 0);
            if is_end {
                self.end();
                return Ok(Ok(None));
            }
            return Ok(Err("expected a block of data, got none".to_owned()));
        }
        let head = match self.head(at, ledger)? {
            Ok(head) => head,
            Err(reason) => return Ok(Err(reason)),
        };
        let is_last = self.next.is_empty() && self.next_list.is_none();
        match &head.kind {
            b"DT" | b"SD" | b"DV" => {
                self.is_bare |= head.kind == *b"DV";
                let length = self.plain_length(at, &head, is_last)?;
                if let Err(reason) = ledger.spend(length.min(self.input.size())) {
                    return Ok(Err(reason));
                }
                self.input.seek(at + HEAD_BYTES)?;
                self.left = length - HEAD_BYTES;
                Ok(Ok(None))
            }
            b"DZ" => self.packed(at, &head, into, ledger),
            b"HL" | b"DL" | b"LD" => match self.block(at, &head, ledger)? {
                Ok(block) => Ok(self.list(head.kind, &block).map(|()| None)),
                Err(reason) => Ok(Err(reason)),
            },
            other => Ok(Err(format!(
                "expected a block of data, got `{}`",
                name_of(*other)
            ))),
        }
    }

    fn head(&mut self, at: u64, ledger: &mut Ledger) -> Result<Result<Head, String>> {
        if at >= self.input.size() {
            let reason =
                format!("expected a block, got a link to byte {at}, behind the end of the file");
            return Ok(Err(reason));
        }
        let is_near = (self.input.offset()..=self.input.offset() + PIECE_BYTES).contains(&at);
        if !is_near && let Err(reason) = ledger.spend(JUMP_BYTES) {
            return Ok(Err(reason));
        }
        self.input.seek(at)?;
        Ok(Head::parse(self.input.peek(HEAD_BYTES as usize)?))
    }

    /// The length of a plain block. That of the last one of an unfinished file is not set: it goes on to the end, unless another block
    /// begins where it says that it ends.
    fn plain_length(&mut self, at: u64, head: &Head, is_last: bool) -> Result<u64> {
        if !(self.is_unfinished && is_last) {
            return Ok(head.length);
        }
        let end = head.length.checked_next_multiple_of(8);
        let end = end.and_then(|length| at.checked_add(length));
        if let Some(end) = end.filter(|end| *end < self.input.size()) {
            self.input.seek(end)?;
            let is_block = Head::parse(self.input.peek(HEAD_BYTES as usize)?).is_ok();
            if is_block {
                return Ok(head.length);
            }
        }
        Ok(self.input.size() - at)
    }

    fn packed(
        &mut self,
        at: u64,
        head: &Head,
        into: &mut Vec<u8>,
        ledger: &mut Ledger,
    ) -> Result<Result<Option<Piece>, String>> {
        let start = (HEAD_BYTES + Packed::BYTES) as usize;
        let described = self.input.peek(start)?;
        let described = described.get(HEAD_BYTES as usize..).unwrap_or_default();
        let packed = match Packed::parse(described, self.limits) {
            Ok(packed) if packed.packed_bytes > head.length.saturating_sub(start as u64) => {
                let (length, bytes) = (head.length, packed.packed_bytes);
                return Ok(Err(format!(
                    "expected {bytes} packed bytes, got a block of {length}"
                )));
            }
            Ok(packed) => packed,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Err(reason) = ledger.spend(head.length.min(self.input.size())) {
            return Ok(Err(reason));
        }
        self.input.seek(at + start as u64)?;
        let bytes = self.input.peek(packed.packed_bytes as usize)?;
        let unpacked = packed.unpack(bytes, into);
        self.position = self.position.saturating_add(packed.unpacked_bytes);
        match unpacked {
            Ok(()) => Ok(Ok(Some(Piece::Bytes))),
            Err(reason) => {
                // How many bytes are lost is known: what follows has its place.
                self.lose(at, reason, ledger);
                self.is_broken = false;
                Ok(Ok(Some(Piece::Gap(packed.unpacked_bytes))))
            }
        }
    }

    /// A list, whole.
    fn block(
        &mut self,
        at: u64,
        head: &Head,
        ledger: &mut Ledger,
    ) -> Result<Result<Block, String>> {
        let max = self.limits.declarations_bytes_max;
        if head.length > max {
            let length = head.length;
            return Ok(Err(format!(
                "expected a list of at most {max} bytes (declarations_bytes_max), got {length}"
            )));
        }
        if let Err(reason) = ledger.spend(head.length) {
            return Ok(Err(reason));
        }
        self.input.seek(at)?;
        let bytes = self.input.peek(head.length as usize)?;
        if bytes.len() as u64 != head.length {
            return Ok(Err("expected a list, got the end of the file".to_owned()));
        }
        Ok(Ok(Block::of(head, bytes)))
    }

    /// Takes the blocks of a list.
    fn list(&mut self, kind: Kind, block: &Block) -> Result<(), String> {
        if !self.next.is_empty() {
            return Err("expected a block of data in a list, got another list".to_owned());
        }
        let Some((next, blocks)) = block.links().split_first() else {
            return Err("expected a list of blocks, got one without links".to_owned());
        };
        if kind == *b"HL" {
            self.next_list = Some(*next);
            return Ok(());
        }
        self.next_list = Some(*next).filter(|next| *next != 0);
        if kind == *b"LD" {
            // Where the blocks of such a list belong is said in samples.
            self.is_bare = true;
            let count = block.u32(4) as usize;
            let blocks = blocks.iter().take(count);
            self.next.extend(blocks.map(|at| (*at, None)));
            return Ok(());
        }
        let is_equal = block.u8(0) & EQUAL_LENGTH != 0;
        for (k, at) in blocks.iter().enumerate() {
            let start = if is_equal {
                self.listed.checked_mul(block.u64(8))
            } else {
                Some(block.u64(8 + 8 * k))
            };
            self.next.push_back((*at, start));
            self.listed += 1;
        }
        Ok(())
    }

    /// Opens the list that comes behind a block that was lost.
    fn list_behind_break(&mut self, ledger: &mut Ledger) -> Result<()> {
        let Some((at, _)) = self.next.pop_front() else {
            return Ok(());
        };
        let listed = match self.head(at, ledger)? {
            Ok(head) if matches!(&head.kind, b"DL" | b"LD") => {
                let block = self.block(at, &head, ledger)?;
                block.and_then(|block| self.list(head.kind, &block))
            }
            _ => Err("expected a list".to_owned()),
        };
        if listed.is_err() {
            self.end();
        }
        Ok(())
    }
}
