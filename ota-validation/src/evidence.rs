//! Evidence: what was compared, by which rules, with which outcome, in bytes that are the same whenever they are made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::rules::Rules;
use crate::scores::LeftOut;
use crate::verdict::{Decision, Verdict};

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
    /// When, if the caller says so: RFC 3339, UTC.
    pub issued_at: Option<String>,
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
}

/// What UN Regulation No. 156 (software update management), paragraph 7.1.2, asks the manufacturer to record of each
/// update. Null where it is not known to this program; a caller who knows fills it in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateRecord {
    /// 7.1.2.2: configuration of the affected systems before the update.
    pub configuration_before: Option<String>,
    /// 7.1.2.2: configuration after it.
    pub configuration_after: Option<String>,
    /// 7.1.2.3: RXSWIN that the software belongs to.
    pub rxswin: Option<String>,
    /// 7.1.2.4: vehicles that the update is for.
    pub target_vehicles: Option<String>,
    /// 7.1.2.4: confirmation that it fits their last known configuration.
    pub compatibility: Option<String>,
    /// 7.1.2.5 (a): purpose of the update.
    pub purpose: Option<String>,
    /// 7.1.2.5 (b): systems or functions that it may affect.
    pub affected_systems: Option<String>,
    /// 7.1.2.5 (c) to (f): which of them are type-approved, and what the update means for that.
    pub type_approval: Option<String>,
    /// 7.1.2.5: other systems that the update depends on, or that depend on it.
    pub interdependencies: Option<String>,
    /// 7.1.2.5 (g): how, and under which conditions, the update may be executed.
    pub preconditions: Option<String>,
    /// 7.1.2.5 (h): confirmation that it will be conducted safely and securely.
    pub safe_execution: Option<String>,
    /// 7.1.2.5 (i): outcome of verification and validation. Filled in by the gate.
    pub verification_and_validation: Option<String>,
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

impl UpdateRecord {
    /// The record with the gate's outcome in its place.
    pub(crate) fn with_outcome(&self, decision: Decision, rules_digest: &str) -> Self {
        let outcome = format!(
            "{} by the release gate, rules {rules_digest}",
            decision.as_str()
        );
        Self {
            verification_and_validation: Some(outcome),
            ..self.clone()
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
