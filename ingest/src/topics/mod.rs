//! Logs of topics: messages of many types in one container, which a mapping turns into tables.
//!
//! Messages are decoded by the definitions that the log carries, so that a message type of another version is read by its field names;
//! the mapping says which topic becomes which table. A file that is torn or damaged gives what is sound, and findings for the rest.

mod file;
mod folder;
mod mapping;
mod own;
mod plan;
mod reader;
mod session;
mod stamp;

use crate::dbc::Buses;
use crate::error::Result;

pub(crate) use file::File;
pub(crate) use folder::Folder;
pub use mapping::DEFAULT_MAPPING;
pub(crate) use own::Own;
pub(crate) use session::Session;

/// Name of the metadata record that says what a log is.
pub(crate) const METADATA: &str = "driveloop";

/// How topics become tables.
pub(crate) struct TopicOptions {
    mapping: mapping::Mapping,
    /// CAN databases by which bus frames become signals.
    buses: Buses,
}

impl TopicOptions {
    /// A mapping of topics to tables, as TOML; with `all_signals`, the numbers of what it does not map become signals.
    pub(crate) fn new(mapping: &str, buses: Buses, all_signals: bool) -> Result<Self> {
        let mut mapping = mapping::Mapping::parse(mapping)?;
        if all_signals {
            mapping = mapping.with_all_signals();
        }
        Ok(Self { mapping, buses })
    }
}
