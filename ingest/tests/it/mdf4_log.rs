//! Writes bus logs in MDF 4, in the layouts that loggers have.

use std::io::Write as _;

/// When the recordings begin, in nanoseconds since 1970.
pub(crate) const START_NS: i64 = 1_750_000_000_000_000_000;
/// Bytes of a record: of one with its payload, and of one with the payload's offset.
const WITHIN_BYTES: usize = 14 + 64;
const APART_BYTES: usize = 14 + 8;
/// Numbers of the groups, where records are mixed.
const FRAMES_ID: u8 = 1;
const VALUES_ID: u8 = 2;

/// A frame of a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frame {
    /// Nanoseconds since the start.
    pub(crate) since_ns: i64,
    pub(crate) bus: u8,
    pub(crate) id: u32,
    pub(crate) is_extended: bool,
    pub(crate) data: Vec<u8>,
}

/// Frames on two buses, of both kinds of identifiers and lengths from none to 64 bytes.
pub(crate) fn frames(count: usize) -> Vec<Frame> {
    let lengths = [8, 0, 64, 1, 3, 12, 8, 7];
    let frame = |k: usize| Frame {
        since_ns: k as i64 * 1_000_003,
        bus: 1 + u8::from(k.is_multiple_of(3)),
        id: if k.is_multiple_of(4) {
            0x18fe_f100
        } else {
            0x100
        } + (k % 5) as u32,
        is_extended: k.is_multiple_of(4),
        data: (0..lengths[k % lengths.len()])
            .map(|at| (k * 7 + at) as u8)
            .collect(),
    };
    (0..count).map(frame).collect()
}

/// Where payloads lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payloads {
    /// In the records.
    Within,
    /// In a run of their own.
    Apart,
    /// Between the records, each before or behind its own.
    Before,
    Behind,
}

/// How runs of bytes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Block,
    /// A list of blocks whose offsets it says.
    List,
    /// A list of packed blocks of one length.
    Packed,
    /// The same, transposed, and under a list of lists.
    Transposed,
}

/// How a log is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) payloads: Payloads,
    pub(crate) storage: Storage,
    pub(crate) is_local: bool,
    /// What is left open, where the file is not finished.
    pub(crate) unfinished: Option<u16>,
    pub(crate) start_ns: i64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            payloads: Payloads::Within,
            storage: Storage::Block,
            is_local: false,
            unfinished: None,
            start_ns: START_NS,
        }
    }
}

/// Bytes of a block in a list: no multiple of a record's, so that records lie across.
const LISTED_BYTES: usize = 1000;

/// A file while it is written.
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    /// A file with its start, and room for the header.
    pub(crate) fn new(unfinished: Option<u16>) -> Self {
        let magic = if unfinished.is_some() {
            b"UnFinMF "
        } else {
            b"MDF     "
        };
        let mut bytes = magic.to_vec();
        bytes.extend(b"4.11    driveloo\0\0\0\0");
        bytes.extend(411_u16.to_le_bytes());
        bytes.resize(60, 0);
        bytes.extend(unfinished.unwrap_or(0).to_le_bytes());
        bytes.resize(64 + 104, 0);
        Self { bytes }
    }

    /// Writes a block, and says where.
    pub(crate) fn block(&mut self, kind: [u8; 2], links: &[u64], data: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.bytes.len() as u64;
        self.bytes.extend(block(kind, links, data));
        at
    }

    pub(crate) fn text(&mut self, text: &str) -> u64 {
        self.block(*b"TX", &[], format!("{text}\0").as_bytes())
    }

    /// Writes the header, and gives the file.
    pub(crate) fn finish(mut self, first_group: u64, shape: &Shape) -> Vec<u8> {
        let mut data = shape.start_ns.to_le_bytes().to_vec();
        data.extend([0; 4]);
        data.push(u8::from(shape.is_local));
        data.resize(32, 0);
        let header = block(*b"HD", &[first_group, 0, 0, 0, 0, 0], &data);
        self.bytes[64..64 + header.len()].copy_from_slice(&header);
        self.bytes
    }

    /// A channel: name, next, parts, conversion, values; its type and that of its values, and its bytes and bits.
    pub(crate) fn channel(
        &mut self,
        name: &str,
        [next, parts, conversion, values]: [u64; 4],
        [kind, data_type]: [u8; 2],
        [byte, bit, bits]: [u32; 3],
    ) -> u64 {
        let name = self.text(name);
        let is_master = u8::from(kind == 2);
        let mut data = vec![kind, is_master, data_type, bit as u8];
        for number in [byte, bits, 0, 0] {
            data.extend(number.to_le_bytes());
        }
        data.resize(72, 0);
        let links = [next, parts, name, 0, conversion, values, 0, 0];
        self.block(*b"CN", &links, &data)
    }

    /// Stores a run of bytes.
    fn run(&mut self, kind: [u8; 2], bytes: &[u8], storage: Storage, row: usize) -> u64 {
        let parts = bytes.chunks(LISTED_BYTES);
        let blocks: Vec<u64> = match storage {
            Storage::Block => return self.block(kind, &[], bytes),
            Storage::List => parts.map(|part| self.block(kind, &[], part)).collect(),
            Storage::Packed => parts
                .map(|part| self.block(*b"DZ", &[], &packed(kind, part, 0, 1)))
                .collect(),
            Storage::Transposed => parts
                .map(|part| self.block(*b"DZ", &[], &packed(kind, part, 1, row)))
                .collect(),
        };
        // Two lists: the second half of the blocks first, because the first list links to it.
        let (first, second) = blocks.split_at(blocks.len() / 2);
        let starts: Vec<u64> = (0..blocks.len())
            .map(|k| (k * LISTED_BYTES) as u64)
            .collect();
        let mut list = 0;
        for (blocks, starts) in [(second, &starts[first.len()..]), (first, &starts)] {
            let links: Vec<u64> = [list].iter().chain(blocks).copied().collect();
            let is_equal = storage != Storage::List;
            let mut data = vec![u8::from(is_equal), 0, 0, 0];
            data.extend((blocks.len() as u32).to_le_bytes());
            if is_equal {
                data.extend((LISTED_BYTES as u64).to_le_bytes());
            } else {
                let starts = starts.iter().take(blocks.len());
                data.extend(starts.flat_map(|start| start.to_le_bytes()));
            }
            list = self.block(*b"DL", &links, &data);
        }
        if storage == Storage::Transposed {
            return self.block(*b"HL", &[list], &[0, 0, 1, 0, 0, 0, 0, 0]);
        }
        list
    }

    /// The channels of a frame; where its payloads lie where they lie apart.
    fn frame_channels(&mut self, values: Option<u64>) -> u64 {
        let data_kind = u8::from(values.is_some());
        let data_bits = if values.is_some() { 64 } else { 512 };
        let mut part = 0;
        for (name, kind, data_type, place, values) in [
            (
                "DataBytes",
                data_kind,
                10,
                [14, 0, data_bits],
                values.unwrap_or(0),
            ),
            ("DataLength", 0, 0, [12, 1, 7], 0),
            ("DLC", 0, 0, [13, 4, 4], 0),
            ("EDL", 0, 0, [13, 0, 1], 0),
            ("Dir", 0, 0, [12, 0, 1], 0),
            ("IDE", 0, 0, [8, 0, 1], 0),
            ("ID", 0, 0, [8, 3, 29], 0),
            ("BusChannel", 0, 0, [8, 1, 2], 0),
        ] {
            let name = format!("CAN_DataFrame.{name}");
            part = self.channel(&name, [part, 0, 0, values], [kind, data_type], place);
        }
        let bits = if values.is_some() { 14 * 8 } else { 70 * 8 };
        let frame = self.channel("CAN_DataFrame", [0, part, 0, 0], [0, 10], [8, 0, bits]);
        let time = self.conversion(0.0, 1e-9);
        self.channel("Timestamp", [frame, 0, time, 0], [2, 4], [0, 0, 64])
    }

    /// A linear conversion.
    pub(crate) fn conversion(&mut self, offset: f64, factor: f64) -> u64 {
        let mut data = vec![1, 0, 0, 0, 0, 0, 2, 0];
        for number in [0.0, 0.0, offset, factor] {
            data.extend(number.to_le_bytes());
        }
        self.block(*b"CC", &[0; 4], &data)
    }

    /// A group: next, channels; number, records, flags, bytes of a record.
    pub(crate) fn group(
        &mut self,
        [next, channels]: [u64; 2],
        (id, count, flags, bytes): (u8, usize, u16, usize),
    ) -> u64 {
        let name = self.text(if flags & 1 == 0 { "CAN_DataFrame" } else { "" });
        let path = self.text("CAN");
        let source = self.block(*b"SI", &[path, path, 0], &[2, 2, 0, 0, 0, 0, 0, 0]);
        let mut data = u64::from(id).to_le_bytes().to_vec();
        data.extend((count as u64).to_le_bytes());
        data.extend(flags.to_le_bytes());
        data.extend([0; 6]);
        data.extend((bytes as u64).to_le_bytes());
        self.block(*b"CG", &[next, channels, name, source, 0, 0], &data)
    }
}

/// A block of its own.
pub(crate) fn block(kind: [u8; 2], links: &[u64], data: &[u8]) -> Vec<u8> {
    let length = 24 + 8 * links.len() + data.len();
    let mut bytes = [b"##", &kind[..], &[0; 4]].concat();
    bytes.extend((length as u64).to_le_bytes());
    bytes.extend((links.len() as u64).to_le_bytes());
    bytes.extend(links.iter().flat_map(|link| link.to_le_bytes()));
    bytes.extend(data);
    bytes
}

/// The data of a packed block.
pub(crate) fn packed(kind: [u8; 2], bytes: &[u8], method: u8, row: usize) -> Vec<u8> {
    let rows = bytes.len() / row;
    let mut turned: Vec<u8> = (0..rows * row)
        .map(|k| {
            if method == 1 {
                bytes[k % rows * row + k / rows]
            } else {
                bytes[k]
            }
        })
        .collect();
    turned.extend(&bytes[rows * row..]);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&turned).unwrap();
    let packed = encoder.finish().unwrap();
    let mut data = vec![kind[0], kind[1], method, 0];
    data.extend((row as u32).to_le_bytes());
    data.extend((bytes.len() as u64).to_le_bytes());
    data.extend((packed.len() as u64).to_le_bytes());
    data.extend(packed);
    data
}

/// The code of a length.
fn code(length: usize) -> u8 {
    let longer = [12, 16, 20, 24, 32, 48, 64];
    let long = longer.iter().position(|bytes| *bytes == length);
    long.map_or(length as u8, |at| 9 + at as u8)
}

/// A record, with the payload or its offset behind it.
fn record(frame: &Frame, tail: &[u8], bytes: usize) -> Vec<u8> {
    let mut record = (frame.since_ns as f64).to_le_bytes().to_vec();
    let flags = u32::from(frame.is_extended) | u32::from(frame.bus) << 1 | frame.id << 3;
    record.extend(flags.to_le_bytes());
    record.push((frame.data.len() as u8) << 1);
    record.push(code(frame.data.len()) << 4 | u8::from(frame.data.len() > 8));
    record.extend(tail);
    record.resize(bytes, 0);
    record
}

/// A payload behind its length.
fn value(frame: &Frame) -> Vec<u8> {
    let length = (frame.data.len() as u32).to_le_bytes();
    [&length[..], &frame.data].concat()
}

/// A log of frames.
pub(crate) fn log(frames: &[Frame], shape: &Shape) -> Vec<u8> {
    let mut writer = Writer::new(shape.unfinished);
    let count = if shape.unfinished.is_some() {
        0
    } else {
        frames.len()
    };
    let (mut records, mut values) = (Vec::new(), Vec::new());
    for frame in frames {
        let offset = (values.len() as u64).to_le_bytes();
        values.extend(value(frame));
        let value = [&[VALUES_ID][..], &value(frame)].concat();
        let apart = record(frame, &offset, APART_BYTES);
        let numbered = [&[FRAMES_ID][..], &apart].concat();
        records.extend(match shape.payloads {
            Payloads::Within => record(frame, &frame.data, WITHIN_BYTES),
            Payloads::Apart => apart,
            Payloads::Before => [value, numbered].concat(),
            Payloads::Behind => [numbered, value].concat(),
        });
    }
    let is_mixed = matches!(shape.payloads, Payloads::Before | Payloads::Behind);
    let (mut next, mut bytes) = (0, APART_BYTES);
    let channels = match shape.payloads {
        Payloads::Within => {
            bytes = WITHIN_BYTES;
            writer.frame_channels(None)
        }
        Payloads::Apart => {
            let run = writer.run(*b"SD", &values, shape.storage, 16);
            writer.frame_channels(Some(run))
        }
        Payloads::Before | Payloads::Behind => {
            next = writer.group([0, 0], (VALUES_ID, count, 1, values.len()));
            writer.frame_channels(Some(next))
        }
    };
    let group = writer.group([next, channels], (FRAMES_ID, count, 6, bytes));
    let is_last = shape.storage == Storage::Block;
    let data = if is_last {
        // Behind the block that links to it: a file that was not finished goes on with it to its end.
        writer.bytes.len().next_multiple_of(8) as u64 + 64
    } else {
        writer.run(*b"DT", &records, shape.storage, bytes)
    };
    let kind = [u8::from(is_mixed), 0, 0, 0, 0, 0, 0, 0];
    let first = writer.block(*b"DG", &[0, group, data, 0], &kind);
    if is_last && shape.unfinished.is_some() {
        writer.block(*b"DT", &[], &[]);
        writer.bytes.extend(&records);
    } else if is_last {
        writer.block(*b"DT", &[], &records);
    }
    writer.finish(first, shape)
}
