//! What keeps a validation from reaching a verdict.

use thiserror::Error;

/// A validation that reached no verdict. A verdict that says no is not an error.
#[derive(Debug, Error)]
pub enum Error {
    /// A settings file is no TOML, or names a field that there is not.
    #[error("{file}: {source}")]
    Syntax {
        /// What it is for: rules, columns or release.
        file: &'static str,
        /// The cause, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A setting that cannot be applied.
    #[error("{file}: `{field}`: expected {expected}, got {actual}")]
    Setting {
        /// What the file is for: rules or columns.
        file: &'static str,
        /// The field.
        field: String,
        /// What it admits.
        expected: &'static str,
        /// What the file says.
        actual: String,
    },
    /// A score file that is neither a CSV nor a Parquet table.
    #[error("{file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// The cause, with line where it is text.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A score file beyond all measure.
    #[error("{file}: expected at most {max} {what}, got more")]
    TooLarge {
        /// The file.
        file: String,
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        max: u64,
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
    #[error("{file}: {place}, column `{column}`: expected {expected}, got `{actual}`")]
    Cell {
        /// The file.
        file: String,
        /// Where: a line of CSV, or a row of Parquet, from 1.
        place: String,
        /// The column.
        column: String,
        /// What the column holds.
        expected: &'static str,
        /// What the cell holds.
        actual: String,
    },
    /// Something that the score files do not tell, and that nobody may guess.
    #[error("{subject}: {expected}; write into the file of --columns what is true:\n{lines}")]
    Undeclared {
        /// The rows, or the columns.
        subject: String,
        /// What is asked.
        expected: String,
        /// Lines of TOML that answer it; those that begin with `#` are the other answer.
        lines: String,
    },
    /// The score files name different drives for one scene: they are of different suites, or one of the columns is no drive.
    #[error(
        "scene `{scene}` is of drive `{baseline}` in the baseline's file, and of `{candidate}` in the candidate's: scenes of one drive are \
         not independent, so the files must agree (`drive = \"COLUMN\"` in the file of --columns names the column)"
    )]
    DrivesDisagree {
        /// The first such scene.
        scene: String,
        /// Its drive in the candidate's file.
        candidate: String,
        /// Its drive in the baseline's file.
        baseline: String,
    },
    /// Two rows of one scene, or two columns of one name.
    #[error("{subject}: {what} `{key}` is there twice")]
    Duplicate {
        /// The file, or the model.
        subject: String,
        /// `scene` or `column`.
        what: &'static str,
        /// The scene or column.
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
    /// A value that cannot be a measurement.
    #[error(
        "metric `{metric}`, scene `{scene}`: expected a number between -1e100 and 1e100, got {actual:e} from the {who}"
    )]
    Value {
        /// The metric.
        metric: String,
        /// Candidate or baseline.
        who: &'static str,
        /// The scene.
        scene: String,
        /// The value.
        actual: f64,
    },
    /// Nothing to compare.
    #[error("nothing to compare: {subject}: {expected}")]
    NoScenes {
        /// What was looked at.
        subject: String,
        /// What is missing there.
        expected: String,
    },
    /// Another model was released while this one was validated: evaluate it against that one.
    #[error(
        "`{candidate}` passed, but release {number} is `{by}` by now: evaluate and validate it against `{by}`"
    )]
    Superseded {
        /// The model that passed.
        candidate: String,
        /// The number that it would have had.
        number: i64,
        /// The model that has it.
        by: String,
    },
    /// The candidate, or a model that its training goes back to, was made with drives of the suite: nothing that it does on them
    /// says anything of others.
    #[error(
        "test drives known to `{model}` by its dataset `{dataset}`: {drives}, for example {example} ({relation}); hold out other \
         drives, or train without these"
    )]
    SuiteSeen {
        /// The model that saw them.
        model: String,
        /// What it was trained or chosen on.
        dataset: String,
        /// How many drives.
        drives: usize,
        /// The first of them.
        example: String,
        /// What the model is to the candidate.
        relation: String,
    },
    /// A model that the candidate's training goes back to is not in the lake, so that nobody can say which drives it saw.
    #[error(
        "the training of `{model}` started from `{ancestor}`, which is not in the lake: nobody can say which drives that saw"
    )]
    AncestorUnknown {
        /// The model.
        model: String,
        /// What its training started from.
        ancestor: String,
    },
    /// A key that is none, or evidence that cannot be signed. What a private key holds is in no message.
    #[error("{subject}: expected {expected}")]
    Signing {
        /// The key, or the part of the evidence.
        subject: &'static str,
        /// What it should be.
        expected: &'static str,
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
