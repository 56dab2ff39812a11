//! MCAP files: framing, chunks, damage (specification: <https://mcap.dev/spec>).

mod chunk;
mod contents;
mod declarations;
mod records;
mod scan;
mod summary;
mod walk;

pub(crate) use scan::{metadata, scan};
