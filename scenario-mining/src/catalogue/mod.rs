//! The catalogue: scenarios as SQL files.
//!
//! A scenario is one `.sql` file named after it. Comments at its top are its header; the query follows. Every line of the
//! header is `-- key: value`; the first line that is an empty comment, or none, ends it.
//!
//! | key | value |
//! |---|---|
//! | `scenario` | name, that of the file |
//! | `version` | a whole number, raised when the meaning changes |
//! | `description` | one sentence |
//! | `roles` | the actors: columns of the query that hold their `track_id` |
//! | `episodes` | `min_duration = A s, max_gap = B s`: rows of the same actors at most B apart are one episode; those shorter than A are dropped |
//! | `param` | `name = default unit — meaning`, once for each; a number, `'a text'`, `true` or `false` |
//! | `score` | what the score is, and its unit; larger is more critical |
//! | `severity` | `low`, `medium` or `high` |
//! | `tags` | words, may be left out |
//!
//! The query returns `log_id`, a column for each role, `score`, and either `stamp_ns` (a row is a frame) or `start_ns` and
//! `end_ns` (a row is an interval). Rows with a null, or with a score that is not finite, are passed over.
//! The score of an episode is the largest of its rows. `$name` in the query is the value of a parameter.

mod header;
mod placeholder;

use std::collections::BTreeMap;
use std::path::Path;

pub use header::{ParamValue, Scenario, ScenarioParam, Severity};

use crate::error::{Error, Result};

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        [$((concat!($name, ".sql"), include_str!(concat!("../../scenarios/", $name, ".sql")))),+]
    };
}

/// The scenarios that come with the program.
const BUILTIN: [(&str, &str); 16] = builtin![
    "cut_in",
    "cut_out_reveals_stopped_object",
    "cyclist_alongside_in_turn",
    "dense_traffic",
    "ego_hard_brake_without_lead",
    "lead_following",
    "lead_hard_brake",
    "low_ttc",
    "pedestrian_crossing_ahead",
    "pedestrian_from_behind_vehicle",
    "short_headway",
    "stationary_object_ahead",
    "stopped_vehicle_at_speed",
    "swerve",
    "unprotected_turn_oncoming",
    "vehicle_close_alongside",
];
/// The largest scenario file that is read, so that a wrong folder does not fill the memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Scenarios by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    scenarios: BTreeMap<String, Scenario>,
}

impl Catalogue {
    /// The scenarios that come with the program.
    ///
    /// # Errors
    /// When one of them is wrong, which a test excludes.
    pub fn builtin() -> Result<Self> {
        let mut catalogue = Self::default();
        for (file, text) in BUILTIN {
            catalogue.add(file, text)?;
        }
        Ok(catalogue)
    }

    /// The same and the `.sql` files of a folder; a file replaces the scenario of its name.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file is not a scenario.
    pub fn with_folder(mut self, folder: &Path) -> Result<Self> {
        let fail = |source| Error::file("read", folder, source);
        let mut paths = std::fs::read_dir(folder)
            .map_err(fail)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(fail)?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
        paths.sort();
        for path in paths {
            let fail = |source| Error::file("read", &path, source);
            if std::fs::metadata(&path).map_err(fail)?.len() > FILE_BYTES_MAX {
                let what = format!("bytes of {}", path.display());
                return Err(Error::Limit {
                    what,
                    max: FILE_BYTES_MAX as usize,
                });
            }
            let text = std::fs::read_to_string(&path).map_err(fail)?;
            self.add(&path.display().to_string(), &text)?;
        }
        Ok(self)
    }

    /// Adds a scenario from the text of its file.
    ///
    /// # Errors
    /// When the text is not a scenario, or the file is not named after it.
    pub fn add(&mut self, file: &str, text: &str) -> Result<()> {
        let scenario = Scenario::parse(file, text)?;
        self.scenarios.insert(scenario.name.clone(), scenario);
        Ok(())
    }

    /// The scenario of a name.
    ///
    /// # Errors
    /// When there is none; the error lists those there are.
    pub fn get(&self, name: &str) -> Result<&Scenario> {
        self.scenarios
            .get(name)
            .ok_or_else(|| Error::UnknownScenario {
                name: name.to_owned(),
                known: self.scenarios.keys().cloned().collect(),
            })
    }

    /// The scenarios, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.values()
    }
}
