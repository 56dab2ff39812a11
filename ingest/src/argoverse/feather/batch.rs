//! Batches become arrays, column by column; what nobody wants is passed over without being unpacked.

use std::cell::Cell;
use std::collections::BTreeMap;

use arrow::array::{ArrayData, ArrayRef, make_array, new_null_array};
use arrow::buffer::Buffer;
use arrow::compute::concat;
use arrow::datatypes::DataType;
use arrow::ipc;

use super::fault::{Budget, Fault, Place};
use super::file::File;
use super::schema::{Buffers, Column, Kind};
use super::unpack::{Codec, Unpacker};
use crate::limits::Limits;

/// Bytes of a value once its column was brought to the type that is asked for.
const VALUE_BYTES: u64 = 8;

/// The columns that were asked for.
pub(super) struct Columns {
    pub(super) rows: usize,
    /// The pieces of each, in the order of the request; none for a column that the file does not have.
    pub(super) pieces: Vec<Option<Vec<ArrayRef>>>,
}

/// Reads the wanted columns of a file. `place` says, whenever this stops, where in the file it was.
pub(super) fn read(
    bytes: Buffer,
    wanted: &[&str],
    limits: &Limits,
    place: &Cell<Place>,
) -> Result<Columns, Fault> {
    let file = File::open(bytes, wanted, limits)?;
    let mut reader = Reader {
        unpacker: Unpacker {
            budget: Budget::new("table_bytes_max", limits.table_bytes_max),
            ratio_max: limits.chunk_ratio_max,
        },
        rows: Budget::new("records_max", limits.records_max),
        dictionaries: BTreeMap::new(),
        file: &file,
        wanted,
    };
    for number in 0..file.dictionaries() {
        place.set(Place::Dictionary(number));
        reader.dictionary(place.get())?;
    }
    let is_there = |name: &&str| file.columns.iter().any(|column| column.name == **name);
    let mut columns = Columns {
        rows: 0,
        pieces: wanted
            .iter()
            .map(|name| is_there(name).then(Vec::new))
            .collect(),
    };
    for number in 0..file.batches() {
        place.set(Place::Batch(number));
        reader.batch(place.get(), &mut columns)?;
    }
    Ok(columns)
}

struct Reader<'a> {
    file: &'a File,
    wanted: &'a [&'a str],
    unpacker: Unpacker,
    rows: Budget,
    dictionaries: BTreeMap<i64, ArrayRef>,
}

impl Reader<'_> {
    fn batch(&mut self, place: Place, columns: &mut Columns) -> Result<(), Fault> {
        let message = self.file.message(place)?;
        let header = self.file.header(&message)?;
        let header = header
            .header_as_record_batch()
            .ok_or_else(|| Fault::damaged(place, "record batches", "another message"))?;
        let mut batch = Batch::of(&header, &message.body, place)?;
        self.rows.take(batch.rows as u64)?;
        let file = self.file;
        let wanted = file.columns.iter().filter(|c| !c.name.is_empty());
        let values = (batch.rows as u64).saturating_mul(wanted.count() as u64);
        // What a few bytes of a dictionary or of nulls become.
        self.unpacker
            .budget
            .take(values.saturating_mul(VALUE_BYTES))?;
        for column in &file.columns {
            let piece = batch.next(column)?;
            let at = self.wanted.iter().position(|name| *name == column.name);
            let pieces = at.and_then(|at| columns.pieces[at].as_mut());
            // Of columns with one name, the first counts.
            let batches = |pieces: &&mut Vec<ArrayRef>| pieces.len() == batch_number(place);
            let Some(pieces) = pieces.filter(batches) else {
                continue;
            };
            if piece.rows != batch.rows {
                let actual = format!("{} of {} rows in `{}`", piece.rows, batch.rows, column.name);
                return Err(Fault::damaged(place, "columns of equal length", actual));
            }
            pieces.push(self.column(column, &piece, batch.codec, place)?);
        }
        columns.rows += batch.rows;
        Ok(())
    }

    fn column(
        &mut self,
        column: &Column,
        piece: &Piece,
        codec: Codec,
        place: Place,
    ) -> Result<ArrayRef, Fault> {
        match &column.kind {
            Kind::Plain(data_type) => self.array(data_type.clone(), piece, None, codec, place),
            Kind::Dictionary { id, keys, values } => {
                // A dictionary without a batch has no values: then every key is null.
                let empty = || arrow::array::new_empty_array(values);
                let dictionary = self.dictionaries.get(id).cloned().unwrap_or_else(empty);
                let data_type =
                    DataType::Dictionary(Box::new(keys.clone()), Box::new(values.clone()));
                self.array(data_type, piece, Some(dictionary), codec, place)
            }
            Kind::Other(kind) => {
                let actual = format!("`{}` of type {kind}", column.name);
                Err(Fault::damaged(
                    place,
                    "columns of numbers and texts",
                    actual,
                ))
            }
        }
    }

    fn dictionary(&mut self, place: Place) -> Result<(), Fault> {
        let message = self.file.message(place)?;
        let header = self.file.header(&message)?;
        let damaged = |expected, actual: String| Fault::damaged(place, expected, actual);
        let header = header
            .header_as_dictionary_batch()
            .ok_or_else(|| damaged("dictionary batches", "another message".to_owned()))?;
        let id = header.id();
        let values = self
            .file
            .columns
            .iter()
            .find_map(|column| match &column.kind {
                Kind::Dictionary {
                    id: its, values, ..
                } if *its == id && !column.name.is_empty() => Some(values.clone()),
                _ => None,
            });
        let Some(values) = values else {
            return Ok(());
        };
        let data = header
            .data()
            .ok_or_else(|| damaged("dictionary batches", "one without values".to_owned()))?;
        let mut batch = Batch::of(&data, &message.body, place)?;
        let field = match values {
            DataType::Utf8View => Buffers::Views,
            DataType::Utf8 | DataType::LargeUtf8 => Buffers::Fixed(3),
            DataType::Null => Buffers::Fixed(0),
            _ => Buffers::Fixed(2),
        };
        let column = Column {
            name: String::new(),
            kind: Kind::Plain(values.clone()),
            fields: vec![field],
        };
        let piece = batch.next(&column)?;
        self.rows.take(piece.rows as u64)?;
        self.unpacker.budget.take(piece.rows as u64 * VALUE_BYTES)?;
        let array = self.array(values, &piece, None, batch.codec, place)?;
        let array = match (self.dictionaries.get(&id), header.isDelta()) {
            (None, _) => array,
            (Some(before), true) => {
                let bytes = before.get_buffer_memory_size() as u64;
                self.unpacker.budget.take(bytes)?;
                concat(&[before.as_ref(), array.as_ref()]).map_err(|error| {
                    damaged("dictionaries that can be joined", error.to_string())
                })?
            }
            (Some(_), false) => {
                let actual = format!("another of number {id}");
                return Err(damaged("one dictionary of each number", actual));
            }
        };
        self.dictionaries.insert(id, array);
        Ok(())
    }

    /// Makes an array of a piece, with everything in it checked.
    fn array(
        &mut self,
        data_type: DataType,
        piece: &Piece,
        dictionary: Option<ArrayRef>,
        codec: Codec,
        place: Place,
    ) -> Result<ArrayRef, Fault> {
        if data_type == DataType::Null {
            return Ok(new_null_array(&data_type, piece.rows));
        }
        let mut buffers = Vec::with_capacity(piece.buffers.len());
        for buffer in &piece.buffers {
            buffers.push(self.unpacker.unpack(buffer.clone(), codec, place)?);
        }
        let validity = (piece.nulls > 0).then(|| buffers[0].clone());
        let bits = validity
            .as_ref()
            .map(|validity| validity.len().saturating_mul(8));
        if bits.is_some_and(|bits| bits < piece.rows) {
            return Err(Fault::damaged(place, "a bit for each row", "fewer"));
        }
        let mut buffers = buffers.split_off(1);
        if let Some(first) = buffers.first_mut() {
            *first = whole_values(first, &data_type);
        }
        let data = ArrayData::builder(data_type)
            .len(piece.rows)
            .null_bit_buffer(validity)
            .buffers(buffers)
            .child_data(dictionary.iter().map(|values| values.to_data()).collect())
            .align_buffers(true)
            .build();
        let data = data.map_err(|error| Fault::damaged(place, "sound values", error))?;
        Ok(make_array(data))
    }
}

/// The buffer without a part of a value at its end: the validation of arrays takes it for granted that there is none.
fn whole_values(buffer: &Buffer, data_type: &DataType) -> Buffer {
    let width = match data_type {
        DataType::Utf8 => size_of::<i32>(),
        DataType::LargeUtf8 => size_of::<i64>(),
        DataType::Utf8View => size_of::<u128>(),
        DataType::Dictionary(keys, _) => keys.primitive_width().unwrap_or(1),
        other => other.primitive_width().unwrap_or(1),
    };
    buffer.slice_with_length(0, buffer.len() - buffer.len() % width)
}

fn batch_number(place: Place) -> usize {
    match place {
        Place::Batch(number) => number,
        Place::Footer | Place::Dictionary(_) => 0,
    }
}

/// The part of a batch that is one column.
struct Piece {
    rows: usize,
    nulls: usize,
    /// Packed, with the validity first; none for a column of nulls.
    buffers: Vec<Buffer>,
}

/// A batch of which columns are taken one by one.
struct Batch<'a> {
    rows: usize,
    codec: Codec,
    nodes: std::vec::IntoIter<(i64, i64)>,
    buffers: std::vec::IntoIter<(i64, i64)>,
    views: std::vec::IntoIter<i64>,
    body: &'a Buffer,
    place: Place,
}

impl<'a> Batch<'a> {
    fn of(header: &ipc::RecordBatch<'_>, body: &'a Buffer, place: Place) -> Result<Self, Fault> {
        let rows = usize::try_from(header.length())
            .map_err(|_| Fault::damaged(place, "a number of rows", header.length()))?;
        // These lists lie in the metadata, whose bytes are bounded.
        let nodes: Vec<_> = header.nodes().into_iter().flatten().collect();
        let buffers: Vec<_> = header.buffers().into_iter().flatten().collect();
        let views: Vec<_> = header
            .variadicBufferCounts()
            .into_iter()
            .flatten()
            .collect();
        let nodes: Vec<_> = nodes.iter().map(|n| (n.length(), n.null_count())).collect();
        let buffers: Vec<_> = buffers.iter().map(|b| (b.offset(), b.length())).collect();
        Ok(Self {
            rows,
            codec: Codec::of(header.compression(), place)?,
            nodes: nodes.into_iter(),
            buffers: buffers.into_iter(),
            views: views.into_iter(),
            body,
            place,
        })
    }

    /// The piece of the next column: its own node, and the buffers of that.
    fn next(&mut self, column: &Column) -> Result<Piece, Fault> {
        let mut first = None;
        for field in &column.fields {
            let (rows, nulls) = self.nodes.next().ok_or_else(|| self.lacks("nodes"))?;
            let count = match field {
                Buffers::Fixed(count) => *count,
                Buffers::Views => {
                    let more = self
                        .views
                        .next()
                        .and_then(|more| usize::try_from(more).ok());
                    let more = more.filter(|more| *more <= self.buffers.len());
                    2 + more.ok_or_else(|| self.lacks("buffers of views"))?
                }
            };
            if count > self.buffers.len() {
                return Err(self.lacks("buffers"));
            }
            if first.is_none() {
                let buffers: Vec<_> = self.buffers.by_ref().take(count).collect();
                first = Some((rows, nulls, buffers));
            } else {
                self.buffers.by_ref().take(count).for_each(drop);
            }
        }
        let (rows, nulls, buffers) = first.ok_or_else(|| self.lacks("nodes"))?;
        let counted = usize::try_from(rows).ok().zip(usize::try_from(nulls).ok());
        let Some((rows, nulls)) = counted.filter(|(rows, nulls)| nulls <= rows) else {
            let actual = format!("{rows} rows with {nulls} nulls");
            return Err(Fault::damaged(self.place, "numbers of rows", actual));
        };
        let buffers = buffers.into_iter().map(|buffer| self.slice(buffer));
        Ok(Piece {
            rows,
            nulls,
            buffers: buffers.collect::<Result<_, _>>()?,
        })
    }

    fn slice(&self, (offset, length): (i64, i64)) -> Result<Buffer, Fault> {
        let range = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(length).ok());
        let is_within = |(offset, length): &(usize, usize)| {
            let end = offset.checked_add(*length);
            end.is_some_and(|end| end <= self.body.len())
        };
        let (offset, length) = range.filter(is_within).ok_or_else(|| {
            let actual = format!("{length} bytes at {offset} of {}", self.body.len());
            Fault::damaged(self.place, "buffers within the body", actual)
        })?;
        Ok(self.body.slice_with_length(offset, length))
    }

    fn lacks(&self, what: &str) -> Fault {
        Fault::damaged(
            self.place,
            "all parts of the schema",
            format!("too few {what}"),
        )
    }
}
