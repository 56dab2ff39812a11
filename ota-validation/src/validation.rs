//! A validation from end to end: paired scores in, verdict, evidence and report out.

use std::collections::BTreeMap;

use bytes::Bytes;
use driveloop_lake::{Commit, Lake, Outcome, Versions};
use driveloop_schemas::ReleaseVerdict;

use crate::attest::{Digests, PrivateKey, Validity, sign_evidence};
use crate::error::Result;
use crate::evidence::{Artifact, EVIDENCE_SCHEMA, Evidence, Suite, canonical_json, sha256_hex};
use crate::gate::gate;
use crate::paired::Paired;
use crate::releases::release;
use crate::report;
use crate::rules::Rules;
use crate::scene_view::SceneView;
use crate::scores::{LeftOut, Reading, ScoreFile, read_scores, score_columns};
use crate::update_record::UpdateRecord;
use crate::verdict::{Decision, Reason, ReasonKind, Verdict};
use crate::wanted::WANTED_SCHEMA;

/// Hexadecimal digits of the evidence's digest that name a verdict.
const VERDICT_ID_DIGITS: usize = 16;

/// What a validation leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// Start of the evidence's digest.
    pub verdict_id: String,
    /// The verdict with its reasons.
    pub verdict: Verdict,
    /// The evidence.
    pub evidence: Evidence,
    /// The evidence's bytes.
    pub evidence_json: String,
    /// SHA-256 of these bytes, in hexadecimal.
    pub evidence_digest: String,
    /// The report, one self-contained file.
    pub html: String,
}

/// What two score files are validated with.
#[derive(Debug, Clone)]
pub struct ScoresOptions {
    /// Column that identifies a scene.
    pub key: String,
    /// Rules; by the columns of the baseline where there are none.
    pub rules: Option<Rules>,
    /// Seed.
    pub seed: u64,
    /// What is known of the update.
    pub update: UpdateRecord,
}

impl ScoresOptions {
    /// Options with the rules that fit the columns.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            rules: None,
            seed: 0,
            update: UpdateRecord::default(),
        }
    }
}

/// Validates the scores of a candidate against those of a baseline, which any evaluator may have written.
///
/// # Errors
/// As [`pair_scores`](crate::pair_scores); for a column whose direction nobody declared and its name does not say for
/// certain; for values that no metric can have (a pass/fail value beyond 0 to 1, a mark of a missing value, another unit
/// than that of the other file); and when the report cannot be written.
pub fn validate_scores(
    candidate: ScoreFile<'_>,
    baseline: ScoreFile<'_>,
    options: &ScoresOptions,
) -> Result<Validation> {
    let rules = if let Some(rules) = &options.rules {
        rules.clone()
    } else {
        let columns = score_columns(baseline)?;
        Rules::for_columns(&columns.iter().map(String::as_str).collect::<Vec<_>>())?
    };
    let scores = read_scores(candidate, baseline, &options.key, &rules)?;
    let (paired, rules) = (scores.paired, scores.rules);
    let artifact = |file: ScoreFile<'_>| Artifact {
        id: file.name.to_owned(),
        digest: Some(sha256_hex(file.bytes)),
        lineage: BTreeMap::new(),
    };
    let keys = paired.scenes().iter().map(|scene| scene.key.as_str());
    let question = Question {
        candidate: artifact(candidate),
        baseline: artifact(baseline),
        suite_name: format!("scenes by {}", options.key),
        suite_digest: Some(driveloop_lake::digest(keys)),
        left_out: Some(scores.left_out),
        reading: scores.reading.sentences(),
        input_versions: Versions::new(),
        seed: options.seed,
        update: options.update.clone(),
    };
    let mut verdict = gate(&paired, &rules, options.seed);
    verdict.reasons.extend(reading_reasons(&scores.reading));
    validate(&paired, rules, question, verdict, &BTreeMap::new())
}

/// How the files were read, as reasons that decide nothing: the columns in one, the drives, and each kind of rows that
/// was left out.
fn reading_reasons(reading: &Reading) -> Vec<Reason> {
    let columns = format!("columns: {}", reading.columns.join("; "));
    let rest = std::iter::once(&reading.drives).chain(&reading.rows);
    let texts = std::iter::once(columns).chain(rest.cloned());
    texts
        .map(|text| Reason {
            kind: ReasonKind::Reading,
            metric: None,
            slice: None,
            text,
            shortfall: None,
        })
        .collect()
}

/// Who is compared, on what.
pub(crate) struct Question {
    pub(crate) candidate: Artifact,
    pub(crate) baseline: Artifact,
    pub(crate) suite_name: String,
    pub(crate) suite_digest: Option<String>,
    pub(crate) left_out: Option<LeftOut>,
    pub(crate) reading: Vec<String>,
    pub(crate) input_versions: Versions,
    pub(crate) seed: u64,
    pub(crate) update: UpdateRecord,
}

/// Makes evidence and report of a verdict. `views` are scenes from above, by key.
pub(crate) fn validate(
    paired: &Paired,
    rules: Rules,
    question: Question,
    verdict: Verdict,
    views: &BTreeMap<String, SceneView>,
) -> Result<Validation> {
    let rules_digest = rules.digest()?;
    let un_r156 = question.update.with_outcome(
        verdict.decision,
        &rules_digest,
        &question.baseline,
        &question.candidate,
    );
    let evidence = Evidence {
        schema: EVIDENCE_SCHEMA,
        tool: Evidence::tool(),
        candidate: question.candidate,
        baseline: question.baseline,
        suite: Suite {
            name: question.suite_name,
            digest: question.suite_digest,
            scenes: verdict.scenes,
            drives: verdict.drives,
            left_out: question.left_out,
            reading: question.reading,
        },
        input_versions: question.input_versions,
        seed: question.seed,
        un_r156_absent: un_r156.absent(),
        un_r156,
        rules_digest,
        rules,
        verdict: verdict.clone(),
    };
    let evidence_json = evidence.to_json()?;
    let evidence_digest = sha256_hex(&evidence_json);
    let verdict_id: String = evidence_digest.chars().take(VERDICT_ID_DIGITS).collect();
    let html = report::render(paired, views, &evidence, &verdict_id, &evidence_digest)?;
    Ok(Validation {
        verdict_id,
        verdict,
        evidence,
        evidence_json,
        evidence_digest,
        html,
    })
}

impl Validation {
    /// Path of the evidence, relative to the lake.
    #[must_use]
    pub fn evidence_path(&self) -> String {
        format!("evidence/{}.json", self.verdict_id)
    }

    /// Path of the report, relative to the lake.
    #[must_use]
    pub fn report_path(&self) -> String {
        format!("evidence/{}.html", self.verdict_id)
    }

    /// Path of the signed evidence, relative to the lake.
    #[must_use]
    pub fn envelope_path(&self) -> String {
        format!("evidence/{}.dsse.json", self.verdict_id)
    }

    /// Signs the evidence: a DSSE envelope in JSON, which [`verify`](crate::verify) accepts for as long as it says.
    /// The same validation, times and key give the same bytes.
    ///
    /// # Errors
    /// When the candidate has no digest, so that nothing would say what the evidence is about; and when the signature
    /// would hold for no time.
    pub fn sign(&self, validity: Validity, key: &PrivateKey) -> Result<String> {
        let report = sha256_hex(&self.html);
        let digests = Digests {
            evidence: &self.evidence_digest,
            report: &report,
        };
        sign_evidence(&self.evidence, digests, validity, key)
    }

    /// What more data would decide the verdict, as JSON: the schema, the verdict, and a list of [`Wanted`](crate::Wanted).
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn wanted_json(&self) -> Result<String> {
        canonical_json(&serde_json::json!({
            "schema": WANTED_SCHEMA,
            "verdict_id": self.verdict_id,
            "decision": self.verdict.decision,
            "suite": self.evidence.suite.name,
            "power": self.evidence.rules.power,
            "wanted": self.verdict.wanted,
        }))
    }

    /// The row of `release_verdict`.
    #[must_use]
    pub fn row(&self) -> ReleaseVerdict {
        ReleaseVerdict {
            verdict_id: self.verdict_id.clone(),
            candidate_id: self.evidence.candidate.id.clone(),
            baseline_id: self.evidence.baseline.id.clone(),
            suite: self.evidence.suite.name.clone(),
            suite_digest: self.evidence.suite.digest.clone().unwrap_or_default(),
            verdict: self.verdict.decision.as_str().to_owned(),
            reasons: self.verdict.reason_texts(),
            evidence: self.evidence_path(),
            evidence_digest: self.evidence_digest.clone(),
            scenes: self.verdict.scenes as i64,
        }
    }

    /// Puts evidence and report into the lake, then the release where it passed, and last the row that points to them. Once: the same
    /// validation again commits nothing, and one that was cut off is completed.
    ///
    /// # Errors
    /// When another model was released since the baseline, or the lake cannot be written.
    pub async fn record(&self, lake: &Lake, run_id: &str) -> Result<Outcome> {
        let store = lake.store();
        store
            .put(&self.report_path(), Bytes::from(self.html.clone()))
            .await?;
        store
            .put(
                &self.evidence_path(),
                Bytes::from(self.evidence_json.clone()),
            )
            .await?;
        let mut commit = Commit::new("ota-validation", run_id)
            .with_inputs(self.evidence.input_versions.clone())
            .with_transactions([format!("verdict/{}", self.verdict_id)]);
        commit.params_digest = self.evidence.rules_digest.clone();
        commit.seed = i64::try_from(self.evidence.seed).ok();
        if self.verdict.decision == Decision::Pass {
            release(lake, self, &commit).await?;
        }
        Ok(lake.append(&[self.row()], &commit).await?)
    }
}
