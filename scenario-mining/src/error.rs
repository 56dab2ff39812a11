//! What can go wrong in a search, one variant for each decision of the caller.

use datafusion::error::DataFusionError;
use thiserror::Error;

use crate::fault::{Fault, Names, fault};
use crate::statement::Statement;

/// A failure of this crate.
#[derive(Debug, Error)]
pub enum Error {
    /// The lake failed, or a commit of it.
    #[error(transparent)]
    Lake(#[from] driveloop_lake::Error),
    /// Rows that are not what their table asks for.
    #[error(transparent)]
    Schema(#[from] driveloop_schemas::Error),
    /// A query is wrong or failed: mend the query.
    #[error("{subject}{fault}")]
    Query {
        /// The query: `query`, or `scenario` and its name.
        subject: String,
        /// What is wrong, and where.
        fault: Box<Fault>,
        /// The cause, in the words of the query engine.
        source: Box<DataFusionError>,
    },
    /// The statement writes, or changes the session: only queries, `EXPLAIN`, `SHOW` and `DESCRIBE` are run.
    #[error("expected a query, EXPLAIN, SHOW or DESCRIBE, got {actual}")]
    NotAQuery {
        /// The statement's first words.
        actual: String,
    },
    /// A scenario file is wrong: mend the line.
    #[error("{file}:{line}: expected {expected}, got `{actual}`")]
    Scenario {
        /// The file.
        file: String,
        /// Line, from one.
        line: usize,
        /// What should be there.
        expected: String,
        /// What is there.
        actual: String,
    },
    /// No scenario of that name: choose another.
    #[error("no scenario `{name}`; there are {}", .known.join(", "))]
    UnknownScenario {
        /// The name asked for.
        name: String,
        /// The names of the catalogue.
        known: Vec<String>,
    },
    /// A parameter does not exist, or its value is of another type.
    #[error("parameter `{parameter}`: expected {expected}, got `{actual}`")]
    Parameter {
        /// Scenario and parameter, with a dot between.
        parameter: String,
        /// What it may be.
        expected: String,
        /// What was given.
        actual: String,
    },
    /// A query does not return the columns that its use asks for.
    #[error("{subject}: expected the columns {expected}, got {actual}")]
    Columns {
        /// The query.
        subject: String,
        /// What it should return.
        expected: String,
        /// What it returns.
        actual: String,
    },
    /// The name belongs to a frozen dataset of other content: choose another name.
    #[error("dataset `{dataset}` is frozen as {frozen}, this content is {actual}")]
    Frozen {
        /// The dataset.
        dataset: String,
        /// Digest of what is frozen.
        frozen: String,
        /// Digest of what was to be.
        actual: String,
    },
    /// A dataset cannot be made or exported.
    #[error("dataset `{dataset}`: {reason}")]
    Dataset {
        /// The dataset.
        dataset: String,
        /// What is wrong.
        reason: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {operation} {path}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// More than the limit admits: narrow the search, or raise the limit.
    #[error("{what}: expected at most {max}")]
    Limit {
        /// What there is too much of.
        what: String,
        /// The limit.
        max: usize,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of a query whose text is not at hand, or has nothing to do with it.
    pub(crate) fn query(subject: impl Into<String>, source: DataFusionError) -> Self {
        let source = match of_the_lake(source) {
            Ok(error) => return error,
            Err(source) => source,
        };
        Self::Query {
            subject: subject.into(),
            fault: Box::new(Fault {
                message: source.strip_backtrace(),
                place: None,
                suggestion: None,
            }),
            source: Box::new(source),
        }
    }

    /// What the parser or planner found wrong with a statement.
    pub(crate) fn statement(
        subject: impl Into<String>,
        statement: &Statement<'_>,
        names: &Names,
        source: DataFusionError,
    ) -> Self {
        let source = match of_the_lake(source) {
            Ok(error) => return error,
            Err(source) => source,
        };
        Self::Query {
            subject: subject.into(),
            fault: Box::new(fault(statement, &source, names)),
            source: Box::new(source),
        }
    }

    pub(crate) fn file(
        operation: &'static str,
        path: &std::path::Path,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::File {
            operation,
            path: path.display().to_string(),
            source: source.into(),
        }
    }
}

/// The lake's own error, where the query engine only hands it on.
fn of_the_lake(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<driveloop_lake::Error>() {
            Ok(lake) => Ok(Error::Lake(*lake)),
            Err(inner) => Err(DataFusionError::External(inner)),
        },
        other => Err(other),
    }
}
