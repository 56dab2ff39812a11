//! The release gate: may the candidate replace the baseline?
//!
//! Scores of both on the same scenes go in; `PASS`, `BLOCK` or `INCONCLUSIVE` comes out, with reasons in words and
//! numbers, evidence as JSON and a report as one HTML file.
//!
//! * [`gate`] is the pure core: [`Paired`] scores and [`Rules`] to a [`Verdict`].
//! * [`validate_scores`] takes two CSV or Parquet files that any evaluator wrote, says how it reads them, and asks where
//!   they do not tell.
//! * [`validate_models`] takes two models of the lake and records the verdict there, and a model that passes as a release.
//! * [`release_baseline`] says what a candidate has to be compared with: the last release.
//! * [`check_suite_unseen`] refuses a suite whose drives the candidate was made with.
//!
//! The same inputs, rules and seed give the same bytes. Every metric and slice is judged alone, so that a mean that
//! rises hides nothing that falls, and few scenes give `INCONCLUSIVE` with the number that would decide.
//!
//! * [`Validation::sign`] signs the evidence, [`verify`] says whether a signature holds, and if not, why.
//!
//! Not here: computing scores (`evaluation`), a clock, keeping keys, and the exit status of the process, for which
//! [`Verdict::exit_status`] is the advice.
//!
//! ```
//! use driveloop_ota_validation::{Decision, ScoreFile, ScoresOptions, validate_scores};
//!
//! // 1,000 scenes, of which the candidate newly fails 60.
//! let csv = |failing: usize| {
//!     let rows = (0..1000).map(|scene| format!("{scene},{}\n", u8::from(scene >= failing)));
//!     format!("token,no_at_fault_collisions\n{}", rows.collect::<String>())
//! };
//! let (candidate, baseline) = (csv(60), csv(0));
//! let mut options = ScoresOptions::new("token");
//! options.rules = Some(driveloop_ota_validation::Rules::planner_scores()?);
//! let validation = validate_scores(
//!     ScoreFile { name: "candidate.csv", bytes: candidate.as_bytes() },
//!     ScoreFile { name: "baseline.csv", bytes: baseline.as_bytes() },
//!     &options,
//! )?;
//! assert_eq!(validation.verdict.decision, Decision::Block);
//! assert_eq!(validation.verdict.exit_status(), 3);
//! assert!(validation.verdict.reasons[0].text.contains("failing scenes 0 → 60 of 1,000"));
//! # Ok::<(), driveloop_ota_validation::Error>(())
//! ```

mod attest;
mod compare;
mod error;
mod evidence;
mod exposure;
mod families;
mod gate;
mod models;
mod newly_failing;
mod paired;
mod plan;
mod plots;
mod reasons;
mod releases;
mod report;
mod rules;
mod scene_view;
mod scores;
mod suite;
mod update_record;
mod validation;
mod verdict;
mod wanted;

pub use attest::{
    Limits, PAYLOAD_TYPE, PREDICATE_TYPE, Predicate, PrivateKey, PublicKey, Rejection,
    STATEMENT_TYPE, Statement, Subject, Validity, VerifyRequest, pre_authentication_encoding,
    verify,
};
pub use error::{Error, Result};
pub use evidence::{Artifact, EVIDENCE_SCHEMA, Evidence, Suite, Tool};
pub use exposure::check_suite_unseen;
pub use gate::gate;
pub use models::{ValidateOptions, validate_models};
pub use paired::{ALL, Paired, PairedMetric, Scene, Units};
pub use releases::release_baseline;
pub use rules::{
    Columns, Direction, Kind, MetricRule, Rules, ScoreColumns, SliceScope, Veto, WhenWorse,
};
pub use scores::{LeftOut, ScoreFile, pair_scores, score_columns};
pub use update_record::UpdateRecord;
pub use validation::{ScoresOptions, Validation, validate_scores};
pub use verdict::{
    Assumed, Change, Comparison, Decision, Failing, Family, FamilyKind, Finding, Needed,
    NewlyFailing, Reason, ReasonKind, Shortfall, Verdict,
};
pub use wanted::{WANTED_SCHEMA, Wanted};
