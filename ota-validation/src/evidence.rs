//! Evidence: what was compared, by which rules, with which outcome, in bytes that are the same whenever they are made.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::rules::Rules;
use crate::scores::LeftOut;
use crate::update_record::UpdateRecord;
use crate::verdict::Verdict;

/// Identifies the shape of the JSON.
pub const EVIDENCE_SCHEMA: &str = "driveloop/release-evidence/v1";

/// One validation, complete. Written as JSON with [`Evidence::to_json`]; it holds no clock and no random number, so
/// the same inputs, rules and seed give the same bytes, and their digest names the verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// [`EVIDENCE_SCHEMA`].
    pub schema: &'static str,
    /// What decided.
    pub tool: Tool,
    /// What wants to be released.
    pub candidate: Artifact,
    /// What it is compared with.
    pub baseline: Artifact,
    /// What both were scored on.
    pub suite: Suite,
    /// Versions of the lake's tables that were read.
    pub input_versions: BTreeMap<String, i64>,
    /// Seed of bootstrap and drawn flips.
    pub seed: u64,
    /// SHA-256 of the rules.
    pub rules_digest: String,
    /// The rules as they were applied, defaults included.
    pub rules: Rules,
    /// The outcome.
    pub verdict: Verdict,
    /// What UN Regulation No. 156 asks to be recorded of an update.
    pub un_r156: UpdateRecord,
    /// The fields of `un_r156` that nobody filled in, by name.
    pub un_r156_absent: Vec<&'static str>,
}

/// The program that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Name.
    pub name: &'static str,
    /// Version.
    pub version: &'static str,
}

/// A model, or a file of scores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// Model id, or name of the file.
    pub id: String,
    /// SHA-256 of the weights, or of the file; null for a model without weights.
    pub digest: Option<String>,
    /// Where it comes from, by name: training run, its specification, its dataset.
    pub lineage: BTreeMap<String, String>,
}

/// What both were scored on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Suite {
    /// Dataset, or key column of the score files.
    pub name: String,
    /// Digest of the dataset, or of the list of scenes.
    pub digest: Option<String>,
    /// Scenes that were compared.
    pub scenes: u64,
    /// Drives behind them.
    pub drives: u64,
    /// What the score files hold besides.
    pub left_out: Option<LeftOut>,
    /// How the score files were read: a sentence a column, the drives, and what was left out. Empty for models.
    pub reading: Vec<String>,
}

impl Evidence {
    /// The canonical bytes: JSON with the fields in a fixed order, indented, with a line feed at the end.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        canonical_json(self)
    }

    pub(crate) fn tool() -> Tool {
        Tool {
            name: "driveloop",
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// JSON with the fields in the order of the types.
pub(crate) fn canonical_json(value: &impl Serialize) -> Result<String> {
    let mut json = serde_json::to_string_pretty(value).map_err(|error| Error::Render {
        part: "evidence",
        message: error.to_string(),
    })?;
    json.push('\n');
    Ok(json)
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A seed of its own for each purpose.
pub(crate) fn seed_from(seed: u64, parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher
        .finalize()
        .iter()
        .take(8)
        .fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}
