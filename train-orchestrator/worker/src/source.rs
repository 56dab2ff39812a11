//! A file of samples, read block by block.
//!
//! A block is a record batch of the Arrow file (1,024 samples where `driveloop dataset export` wrote it). How many samples each
//! holds is read from the heads of the blocks alone, so that a file of any size is opened at once.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::Float64Type;
use arrow::ipc::reader::{FileReader, read_footer_length};
use arrow::ipc::{Block, root_as_footer, root_as_message};
use arrow::record_batch::RecordBatch;

use crate::rows::Rows;

/// Samples of a block at most: a file with larger ones would not be read in bounded memory.
const BLOCK_SAMPLES_MAX: usize = 65_536;
/// Bytes of a block at most, for the same reason; what a damaged length could ask for.
const BLOCK_BYTES_MAX: i64 = 1 << 30;
/// Bytes at the end of an Arrow file: the length of its footer, and the magic.
const TRAILER_BYTES: u64 = 10;

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Samples, with what happened next.
    Samples,
    /// Inputs: what is known of samples at the present.
    Inputs,
}

/// A file of samples on disk.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    path: PathBuf,
    holds: Holds,
    bytes: u64,
    block_samples: Vec<usize>,
}

/// A block in memory.
pub(crate) struct SampleBlock {
    /// Names of the samples or inputs.
    pub(crate) ids: Vec<String>,
    /// Their features.
    pub(crate) rows: Rows,
}

impl Source {
    /// Opens `<folder>/<split>.arrow` and looks at the heads of its blocks.
    pub(crate) fn open(folder: &Path, split: &str) -> anyhow::Result<Self> {
        Self::open_file(folder.join(format!("{split}.arrow")), Holds::Samples)
    }

    /// Opens a file of inputs and looks at the heads of its blocks.
    pub(crate) fn open_inputs(path: &Path) -> anyhow::Result<Self> {
        Self::open_file(path.to_owned(), Holds::Inputs)
    }

    fn open_file(path: PathBuf, holds: Holds) -> anyhow::Result<Self> {
        let heads = heads(&path);
        let (bytes, block_samples) =
            heads.with_context(|| format!("cannot read samples from {}", path.display()))?;
        Ok(Self {
            path,
            holds,
            bytes,
            block_samples,
        })
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.block_samples.iter().sum()
    }

    /// Samples of each block.
    pub(crate) fn block_samples(&self) -> &[usize] {
        &self.block_samples
    }

    /// What tells this file from another one without reading it.
    pub(crate) fn identity(&self) -> String {
        format!("{} bytes, {:?}", self.bytes, self.block_samples)
    }

    /// Opens the file for reading blocks.
    pub(crate) fn reader(&self) -> anyhow::Result<SourceReader> {
        let reader = File::open(&self.path)
            .map_err(anyhow::Error::from)
            .and_then(|file| Ok(FileReader::try_new(file, None)?))
            .with_context(|| format!("cannot read samples from {}", self.path.display()))?;
        Ok(SourceReader {
            path: self.path.clone(),
            holds: self.holds,
            reader,
        })
    }

    /// All blocks in the order of the file.
    pub(crate) fn blocks(
        &self,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<SampleBlock>> + Send + use<>> {
        let mut reader = self.reader()?;
        Ok((0..self.block_samples.len()).map(move |block| reader.block(block)))
    }
}

/// An open file.
pub(crate) struct SourceReader {
    path: PathBuf,
    holds: Holds,
    reader: FileReader<File>,
}

impl SourceReader {
    /// Appends the features of a block.
    pub(crate) fn append(&mut self, block: usize, rows: &mut Rows) -> anyhow::Result<()> {
        let batch = self.read(block)?;
        self.with_path(rows.append(&batch, self.holds))
    }

    fn block(&mut self, block: usize) -> anyhow::Result<SampleBlock> {
        let batch = self.read(block)?;
        self.with_path(sample_block(&batch, self.holds))
    }

    fn read(&mut self, block: usize) -> anyhow::Result<RecordBatch> {
        let read = self
            .reader
            .set_index(block)
            .map(|()| self.reader.next())
            .map_err(anyhow::Error::from);
        let batch = read.and_then(|batch| Ok(batch.context("the file ends early")??));
        self.with_path(batch)
    }

    fn with_path<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.with_context(|| format!("cannot read samples from {}", self.path.display()))
    }
}

fn sample_block(batch: &RecordBatch, holds: Holds) -> anyhow::Result<SampleBlock> {
    let mut rows = Rows::default();
    rows.append(batch, holds)?;
    let ids = ids(batch, holds)?;
    Ok(SampleBlock { ids, rows })
}

/// The names of the samples or inputs of a batch.
pub(crate) fn ids(batch: &RecordBatch, holds: Holds) -> anyhow::Result<Vec<String>> {
    let name = match holds {
        Holds::Samples => "sample_id",
        Holds::Inputs => "input_id",
    };
    let column = batch
        .column_by_name(name)
        .with_context(|| format!("column `{name}` is missing"))?;
    let texts = column.as_string_opt::<i32>();
    let texts = texts.filter(|texts| texts.null_count() == 0);
    let texts = texts.with_context(|| format!("column `{name}`: expected texts"))?;
    Ok(texts.iter().flatten().map(str::to_owned).collect())
}

/// A column of doubles without gaps, all finite.
pub(crate) fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> anyhow::Result<&'a [f64]> {
    let column = batch
        .column_by_name(name)
        .with_context(|| format!("column `{name}` is missing"))?;
    let numbers = column.as_primitive_opt::<Float64Type>();
    let numbers = numbers.filter(|numbers| {
        numbers.null_count() == 0 && numbers.values().iter().all(|v| v.is_finite())
    });
    let numbers = numbers.with_context(|| format!("column `{name}`: expected finite doubles"))?;
    Ok(numbers.values())
}

/// The length of the file and the samples of each of its blocks, by the Arrow columnar format, section "IPC file format".
fn heads(path: &Path) -> anyhow::Result<(u64, Vec<usize>)> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    ensure!(bytes > TRAILER_BYTES, "it is too short for an Arrow file");
    let mut trailer = [0; TRAILER_BYTES as usize];
    file.seek(SeekFrom::Start(bytes - TRAILER_BYTES))?;
    file.read_exact(&mut trailer)?;
    let footer_bytes = read_footer_length(trailer)? as u64;
    ensure!(
        footer_bytes + TRAILER_BYTES <= bytes,
        "its footer is longer than the file"
    );
    let mut footer = vec![0; footer_bytes as usize];
    file.seek(SeekFrom::Start(bytes - TRAILER_BYTES - footer_bytes))?;
    file.read_exact(&mut footer)?;
    let footer = root_as_footer(&footer).map_err(|error| anyhow::anyhow!("its footer: {error}"))?;
    let blocks = footer.recordBatches().context("its footer has no blocks")?;
    let samples = blocks
        .iter()
        .enumerate()
        .map(|(index, block)| {
            block_samples(&mut file, bytes, block).with_context(|| format!("block {index}"))
        })
        .collect::<anyhow::Result<_>>()?;
    Ok((bytes, samples))
}

/// The number of samples that the head of a block says.
fn block_samples(file: &mut File, file_bytes: u64, block: &Block) -> anyhow::Result<usize> {
    let (offset, head, body) = (
        block.offset(),
        i64::from(block.metaDataLength()),
        block.bodyLength(),
    );
    let is_inside = offset >= 0
        && (8..=BLOCK_BYTES_MAX).contains(&head)
        && (0..=BLOCK_BYTES_MAX).contains(&body)
        && offset as u64 + (head + body) as u64 <= file_bytes;
    ensure!(
        is_inside,
        "expected at most {BLOCK_BYTES_MAX} bytes inside the file"
    );
    let mut bytes = vec![0; head as usize];
    file.seek(SeekFrom::Start(offset as u64))?;
    file.read_exact(&mut bytes)?;
    // The length of the message comes first, after a continuation mark in all but very old files.
    let start = if bytes.starts_with(&[0xFF; 4]) { 8 } else { 4 };
    let message =
        root_as_message(&bytes[start..]).map_err(|error| anyhow::anyhow!("its head: {error}"))?;
    let batch = message.header_as_record_batch();
    let samples = batch.context("it is no record batch")?.length();
    let samples = usize::try_from(samples).ok();
    samples
        .filter(|samples| *samples <= BLOCK_SAMPLES_MAX)
        .with_context(|| format!("expected record batches of at most {BLOCK_SAMPLES_MAX} samples"))
}
