//! Bus frames: by bus and identifier, 24 bytes each.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BinaryBuilder, BooleanBuilder, Int64Builder};
use arrow::record_batch::RecordBatch;
use driveloop_schemas::{BusFrame, Row as _, TableSpec};

use super::{Columns, DriveKey, Facts, NameId, Names, Runs, repeated, span_of};
use crate::error::Result;

/// Payload that is held beside the stamp; longer ones lie apart.
const SHORT_BYTES: usize = 8;
const EXTENDED: u8 = 1;
const REMOTE: u8 = 2;
const ERROR: u8 = 4;

/// A frame as it was recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BusRecord<'a> {
    pub(crate) stamp_ns: i64,
    /// Without flags.
    pub(crate) can_id: u32,
    pub(crate) is_extended: bool,
    pub(crate) is_remote: bool,
    pub(crate) is_error: bool,
    pub(crate) data: &'a [u8],
}

/// The bus frames of a drive.
#[derive(Debug, Default)]
pub(crate) struct BusColumns {
    buses: Names,
    /// By bus and identifier.
    series: BTreeMap<(NameId, u32), Vec<Frame>>,
    /// Payloads that are longer than [`SHORT_BYTES`].
    long: Vec<u8>,
    /// Series in the order of the table, once sorted.
    runs: Runs<(NameId, u32)>,
    rows: usize,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    stamp_ns: i64,
    /// The payload, or where it lies among the long ones.
    data: [u8; SHORT_BYTES],
    length: u16,
    flags: u8,
}

impl BusColumns {
    /// The number of a bus.
    pub(crate) fn bus(&mut self, name: &str) -> NameId {
        self.buses.id(name)
    }

    /// Adds a frame. The payload is at most 64 KiB.
    pub(crate) fn push(&mut self, bus: NameId, record: &BusRecord<'_>) {
        let bytes = &record.data[..record.data.len().min(usize::from(u16::MAX))];
        let mut data = [0; SHORT_BYTES];
        if bytes.len() <= SHORT_BYTES {
            data[..bytes.len()].copy_from_slice(bytes);
        } else {
            data = (self.long.len() as u64).to_le_bytes();
            self.long.extend_from_slice(bytes);
        }
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let frame = Frame {
            stamp_ns: record.stamp_ns,
            data,
            length: bytes.len() as u16,
            flags: flag(record.is_extended, EXTENDED)
                | flag(record.is_remote, REMOTE)
                | flag(record.is_error, ERROR),
        };
        self.series
            .entry((bus, record.can_id))
            .or_default()
            .push(frame);
        self.rows += 1;
    }

    fn data<'a>(&'a self, frame: &'a Frame) -> &'a [u8] {
        let length = usize::from(frame.length);
        if length <= SHORT_BYTES {
            &frame.data[..length]
        } else {
            let start = u64::from_le_bytes(frame.data) as usize;
            &self.long[start..start + length]
        }
    }

    /// Each series that has some of the rows, with those.
    fn parts(&self, rows: Range<usize>) -> impl Iterator<Item = ((NameId, u32), &[Frame])> + Clone {
        let runs = self.runs.within(rows);
        runs.filter_map(|(key, own)| Some((key, self.series.get(&key)?.get(own)?)))
    }
}

impl Facts for BusColumns {
    fn spec(&self) -> &'static TableSpec {
        BusFrame::SPEC
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.rows * size_of::<Frame>() + self.long.len()
    }

    fn span_ns(&self) -> Option<(i64, i64)> {
        span_of(self.series.values().flatten().map(|frame| frame.stamp_ns))
    }

    fn sort(&mut self) {
        for frames in self.series.values_mut() {
            if !frames.is_sorted_by_key(|frame| frame.stamp_ns) {
                // Frames of one stamp stay as they were recorded.
                frames.sort_by_key(|frame| frame.stamp_ns);
            }
        }
        let mut keys: Vec<_> = self.series.keys().copied().collect();
        keys.sort_by(|a, b| (self.buses.get(a.0), a.1).cmp(&(self.buses.get(b.0), b.1)));
        let count = |key| (key, self.series[&key].len());
        self.runs = Runs::of(keys.into_iter().map(count));
    }

    fn batch(&self, key: DriveKey<'_>, rows: Range<usize>) -> Result<RecordBatch> {
        let count = rows.len();
        let parts = self.parts(rows);
        let mut stamps = Int64Builder::with_capacity(count);
        let mut ids = Int64Builder::with_capacity(count);
        let mut data = BinaryBuilder::with_capacity(count, count * SHORT_BYTES);
        let mut flags = [EXTENDED, REMOTE, ERROR].map(|_| BooleanBuilder::with_capacity(count));
        for ((_, can_id), frames) in parts.clone() {
            ids.append_value_n(can_id.into(), frames.len());
            for frame in frames {
                stamps.append_value(frame.stamp_ns);
                data.append_value(self.data(frame));
                for (column, flag) in flags.iter_mut().zip([EXTENDED, REMOTE, ERROR]) {
                    column.append_value(frame.flags & flag != 0);
                }
            }
        }
        let [mut extended, mut remote, mut error] = flags;
        let buses = parts.map(|((bus, _), frames)| (Some(self.buses.get(bus)), frames.len()));
        Columns::new(BusFrame::SPEC, key, count)
            .with("stamp_ns", Arc::new(stamps.finish()))
            .with("bus", repeated(buses))
            .with("can_id", Arc::new(ids.finish()))
            .with("is_extended", Arc::new(extended.finish()))
            .with("is_remote", Arc::new(remote.finish()))
            .with("is_error", Arc::new(error.finish()))
            .with("data", Arc::new(data.finish()))
            .finish()
    }

    fn clear(&mut self) {
        self.series = BTreeMap::new();
        self.long = Vec::new();
        self.runs = Runs::default();
        self.rows = 0;
    }
}
