//! The blocks of a file: a kind, links to other blocks, and data. All numbers are little-endian.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use driveloop_lake::ObjectEntry;

use crate::blob::Blobs;
use crate::error::Result;
use crate::limits::Limits;

/// Bytes of what every block begins with: its kind, its length, and how many links it has.
pub(super) const HEAD_BYTES: u64 = 24;
/// Bytes that are read at once: the blocks of a group lie side by side.
const PAGE_BYTES: u64 = 64 << 10;
/// Pages that are held.
const PAGES_MAX: usize = 64;

/// The two letters behind `##`.
pub(super) type Kind = [u8; 2];

/// What a block begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Bytes of the block, those of its head included.
    pub(super) length: u64,
    pub(super) links: u64,
}

impl Head {
    /// The head at an offset of the file. The error says what lies there instead.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let head = bytes.first_chunk::<24>().ok_or_else(|| {
            format!(
                "expected a block, got {} bytes before the end of the file",
                bytes.len()
            )
        })?;
        let [b'#', b'#', first, second] = head[..4] else {
            let actual = String::from_utf8_lossy(&head[..4]);
            return Err(format!("expected a block, got `{}`", actual.escape_debug()));
        };
        let length = number(&head[8..]);
        let links = number(&head[16..]);
        let linked = links
            .checked_mul(8)
            .and_then(|linked| linked.checked_add(HEAD_BYTES));
        if linked.is_none_or(|linked| linked > length) {
            return Err(format!(
                "expected a block that holds its links, got one of {length} bytes with {links} links"
            ));
        }
        Ok(Self {
            kind: [first, second],
            length,
            links,
        })
    }
}

/// A block that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    links: Vec<u64>,
    pub(super) data: Vec<u8>,
}

impl Block {
    /// A block of its bytes, which are as many as its head says.
    pub(super) fn of(head: &Head, bytes: &[u8]) -> Self {
        let start = HEAD_BYTES as usize;
        let data = start + 8 * head.links as usize;
        let links = bytes.get(start..data).unwrap_or_default();
        Self {
            links: links.chunks_exact(8).map(number).collect(),
            data: bytes.get(data..).unwrap_or_default().to_vec(),
        }
    }

    /// Where a link leads; `None` where it leads nowhere.
    pub(super) fn link(&self, at: usize) -> Option<u64> {
        self.links.get(at).copied().filter(|link| *link != 0)
    }

    /// All links, those that lead nowhere as zero.
    pub(super) fn links(&self) -> &[u64] {
        &self.links
    }

    /// Bytes of the data; zeros beyond its end.
    pub(super) fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        let data = self.data.get(at..).unwrap_or_default();
        let count = data.len().min(N);
        bytes[..count].copy_from_slice(&data[..count]);
        bytes
    }

    pub(super) fn u8(&self, at: usize) -> u8 {
        let [byte] = self.bytes(at);
        byte
    }

    pub(super) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    pub(super) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    pub(super) fn f64(&self, at: usize) -> f64 {
        f64::from_le_bytes(self.bytes(at))
    }
}

/// The first eight bytes as a number; zeros where there are fewer.
pub(super) fn number(bytes: &[u8]) -> u64 {
    let mut whole = [0; 8];
    let count = bytes.len().min(8);
    whole[..count].copy_from_slice(&bytes[..count]);
    u64::from_le_bytes(whole)
}

/// Reads the blocks that describe a file, each once: links that lead in circles end where they began.
pub(super) struct Blocks<'a> {
    blobs: &'a Blobs,
    file: &'a ObjectEntry,
    pages: BTreeMap<u64, Bytes>,
    met: BTreeSet<u64>,
    blocks_max: usize,
    bytes_left: u64,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(blobs: &'a Blobs, file: &'a ObjectEntry, limits: &Limits) -> Self {
        Self {
            blobs,
            file,
            pages: BTreeMap::new(),
            met: BTreeSet::new(),
            blocks_max: limits.blocks_max,
            bytes_left: limits.declarations_bytes_max,
        }
    }

    /// Bytes from an offset on, fewer where the file ends.
    pub(super) fn bytes(&mut self, at: u64, count: u64) -> Result<Vec<u8>> {
        let end = at.saturating_add(count).min(self.file.size);
        let mut bytes = Vec::new();
        let mut next = at;
        while next < end {
            let page = next / PAGE_BYTES;
            let start = page * PAGE_BYTES;
            if !self.pages.contains_key(&page) {
                if self.pages.len() >= PAGES_MAX {
                    self.pages.clear();
                }
                let read = self.blobs.range(self.file, start, start + PAGE_BYTES)?;
                self.pages.insert(page, read);
            }
            let page = self.pages.get(&page).map_or(&[][..], |page| &page[..]);
            let from = (next - start) as usize;
            let to = ((end - start) as usize).min(page.len());
            let Some(part) = page.get(from..to).filter(|part| !part.is_empty()) else {
                break;
            };
            bytes.extend_from_slice(part);
            next += part.len() as u64;
        }
        Ok(bytes)
    }

    /// The block of a kind that a link leads to. The inner error says what is wrong with it.
    pub(super) fn block(&mut self, at: u64, kind: Kind) -> Result<Result<Block, String>> {
        if !self.met.insert(at) {
            return Ok(Err("expected a block of its own, got one twice".to_owned()));
        }
        self.shared(at, kind)
    }

    /// The same for a kind of which several may use the same block: texts, conversions.
    pub(super) fn shared(&mut self, at: u64, kind: Kind) -> Result<Result<Block, String>> {
        if self.met.len() > self.blocks_max {
            let max = self.blocks_max;
            let reason = format!("expected at most {max} blocks (blocks_max), got more");
            return Ok(Err(reason));
        }
        self.met.insert(at);
        let head = match Head::parse(&self.bytes(at, HEAD_BYTES)?) {
            Ok(head) => head,
            Err(reason) => return Ok(Err(reason)),
        };
        if head.kind != kind {
            let [expected, actual] = [kind, head.kind].map(name_of);
            return Ok(Err(format!(
                "expected a block `{expected}`, got `{actual}`"
            )));
        }
        let Some(bytes_left) = self.bytes_left.checked_sub(head.length) else {
            let reason = format!(
                "expected descriptions that declarations_bytes_max allows, got one more of {} bytes",
                head.length
            );
            return Ok(Err(reason));
        };
        self.bytes_left = bytes_left;
        let bytes = self.bytes(at, head.length)?;
        if bytes.len() as u64 != head.length {
            let (length, actual) = (head.length, bytes.len());
            let reason = format!(
                "expected a block of {length} bytes, got {actual} before the end of the file"
            );
            return Ok(Err(reason));
        }
        Ok(Ok(Block::of(&head, &bytes)))
    }

    /// A text block, of which no more is read than a name may have; none where there is none.
    pub(super) fn text(&mut self, at: Option<u64>, bytes_max: usize) -> Result<Option<String>> {
        let Some(at) = at else { return Ok(None) };
        let bytes = self.bytes(at, HEAD_BYTES + bytes_max as u64)?;
        let Ok(head) = Head::parse(&bytes) else {
            return Ok(None);
        };
        if head.kind != *b"TX" {
            return Ok(None);
        }
        let text = &bytes[HEAD_BYTES as usize..bytes.len().min(head.length as usize)];
        let end = text.iter().position(|byte| *byte == 0);
        let text = &text[..end.unwrap_or(text.len())];
        Ok(Some(String::from_utf8_lossy(text).into_owned()))
    }
}

/// A kind of block for a message.
pub(super) fn name_of(kind: Kind) -> String {
    let name = format!("##{}", String::from_utf8_lossy(&kind));
    name.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(kind: [u8; 4], length: u64, links: u64) -> Vec<u8> {
        let mut bytes = kind.to_vec();
        bytes.extend([0; 4]);
        bytes.extend(length.to_le_bytes());
        bytes.extend(links.to_le_bytes());
        bytes
    }

    #[test]
    fn a_head_holds_its_links() {
        let parsed = Head::parse(&head(*b"##DG", 64, 4)).unwrap();
        assert_eq!((parsed.kind, parsed.length, parsed.links), (*b"DG", 64, 4));
        for bytes in [
            head(*b"##DG", 24 + 31, 4),
            head(*b"##DG", 23, 0),
            head(*b"##DG", u64::MAX, u64::MAX),
            head(*b"##DG", u64::MAX, u64::MAX / 8),
            head(*b"#!DG", 64, 4),
            head(*b"##DG", 64, 4)[..23].to_vec(),
        ] {
            assert!(Head::parse(&bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_a_block_lacks_is_zero() {
        let mut bytes = head(*b"##XX", 24 + 8 + 3, 1);
        bytes.extend(7_u64.to_le_bytes());
        bytes.extend([1, 2, 3]);
        let block = Block::of(&Head::parse(&bytes).unwrap(), &bytes);
        assert_eq!((block.link(0), block.link(1)), (Some(7), None));
        assert_eq!((block.u16(0), block.u16(2), block.u64(9)), (0x201, 3, 0));
    }
}
