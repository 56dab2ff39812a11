//! What keeps a validation from reaching a verdict.

use thiserror::Error;

/// A validation that reached no verdict. A verdict that says no is not an error.
#[derive(Debug, Error)]
pub enum Error {
    /// The rules are no TOML, or name a field that there is not.
    #[error("rules: {source}")]
    RulesSyntax {
        /// The cause, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A rule that cannot be applied.
    #[error("rules: `{field}`: expected {expected}, got {actual}")]
    RulesValue {
        /// The field.
        field: String,
        /// What it admits.
        expected: &'static str,
        /// What the file says.
        actual: String,
    },
    /// A score file that is no CSV table.
    #[error("{file}: {source}")]
    Csv {
        /// The file.
        file: String,
        /// The cause, with line.
        source: csv::Error,
    },
    /// A score file without a column that is needed.
    #[error("{file}: column `{column}` is missing; its columns are {actual}")]
    MissingColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// The columns that it has.
        actual: String,
    },
    /// A cell that does not hold what its column holds.
    #[error("{file}: line {line}, column `{column}`: expected {expected}, got `{actual}`")]
    Cell {
        /// The file.
        file: String,
        /// Line of the file, from 1.
        line: u64,
        /// The column.
        column: String,
        /// What the column holds.
        expected: &'static str,
        /// What the cell holds.
        actual: String,
    },
    /// Two rows of one scene.
    #[error("{subject}: scene `{key}` is there twice")]
    DuplicateScene {
        /// The file, or the model.
        subject: String,
        /// The scene.
        key: String,
    },
    /// A series of values that is not as long as the list of scenes.
    #[error("metric `{metric}`: expected {expected} values, got {actual}")]
    Length {
        /// The metric.
        metric: String,
        /// Scenes.
        expected: usize,
        /// Values.
        actual: usize,
    },
    /// Nothing to compare.
    #[error("nothing to compare: {subject}: {expected}")]
    NoScenes {
        /// What was looked at.
        subject: String,
        /// What is missing there.
        expected: String,
    },
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] driveloop_lake::Error),
    /// The report or the evidence could not be written.
    #[error("report: {part}: {message}")]
    Render {
        /// Which part.
        part: &'static str,
        /// The cause.
        message: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
