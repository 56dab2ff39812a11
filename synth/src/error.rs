//! What can go wrong in this crate.

use driveloop_schemas::ItemId;
use thiserror::Error;

/// An error of a simulation or a composition.
#[derive(Debug, Error)]
pub enum Error {
    /// An option is out of its range.
    #[error("option `{option}`: expected {expected}, got {actual}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its range.
        expected: String,
        /// Its value.
        actual: String,
    },
    /// A log could not be written.
    #[error("cannot write the simulated log: {source}")]
    Mcap {
        /// The cause.
        source: Box<mcap::McapError>,
    },
    /// The end of a log could not be handed to the store's writer.
    #[error("cannot hand on the simulated log: {source}")]
    Pipe {
        /// The cause.
        #[from]
        source: std::io::Error,
    },
    /// JSON of a map, a truth file or parameters.
    #[error("json: {source}")]
    Json {
        /// The cause.
        #[from]
        source: serde_json::Error,
    },
    /// Work in the background did not come to its end.
    #[error("the {what} was interrupted")]
    Interrupted {
        /// The work.
        what: &'static str,
    },
    /// The lake or a store.
    #[error(transparent)]
    Lake(#[from] driveloop_lake::Error),
    /// A drive that a provenance row names is not in the lake, or not as it was.
    #[error("cannot recompose `{item_id}`: {reason}")]
    Provenance {
        /// The item.
        item_id: ItemId,
        /// What does not fit.
        reason: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
