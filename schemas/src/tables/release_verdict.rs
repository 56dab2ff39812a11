//! The `release_verdict` table.

use crate::table::table;
table! {
    /// One validation of a candidate against a baseline.
    ReleaseVerdict = "release_verdict", version 1, key ["verdict_id"], partition_by [];
    /// Identity: digest of the evidence.
    ["-"] verdict_id: String,
    /// Candidate.
    ["-"] candidate_id: String,
    /// Baseline.
    ["-"] baseline_id: String,
    /// Dataset whose test split is the suite.
    ["-"] suite: String,
    /// Digest of the dataset.
    ["-"] suite_digest: String,
    /// `PASS`, `BLOCK` or `INCONCLUSIVE`.
    ["-"] verdict: String,
    /// Reasons, the decisive one first.
    ["-"] reasons: Vec<String>,
    /// Evidence, a JSON file relative to the lake.
    ["-"] evidence: String,
    /// SHA-256 of the evidence, in hexadecimal.
    ["-"] evidence_digest: String,
    /// Scenes that were compared.
    ["1"] scenes: i64,
}
