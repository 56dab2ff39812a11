//! `driveloop ota validate`: may the release go over the air?

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use driveloop_ota_validation::{
    Decision, Finding, ReasonKind, Rules, ScoreColumns, ScoreFile, ScoresOptions, UpdateRecord,
    ValidateOptions, Validation, release_baseline, score_columns, validate_models, validate_scores,
};
use driveloop_train_orchestrator::{check_predicts, check_weights};

use super::signer::{Signer, put_envelope};
use crate::Exit;
use crate::context::{Context, Format, run_id};
use crate::render;
use crate::sheet::Sheet;

/// Two models of the lake, or two score files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Model that wants to be released.
    #[arg(long, requires = "suite", required_unless_present = "scores")]
    candidate: Option<String>,
    /// Model that it would replace: by default the last release, or before the first one the reference model of the rules. Against
    /// another one nothing passes.
    #[arg(long)]
    baseline: Option<String>,
    /// Dataset whose test split is the suite; both models must have been evaluated on it.
    #[arg(long)]
    suite: Option<String>,
    /// Scores of the candidate: CSV (UTF-8, commas, decimal points) or Parquet, a row a scene. Rows that are the mean or
    /// the sum of others are left out, and named.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "candidate",
        requires = "baseline_scores"
    )]
    scores: Option<PathBuf>,
    /// Scores of the baseline.
    #[arg(long, value_name = "FILE")]
    baseline_scores: Option<PathBuf>,
    /// Column that identifies a scene.
    #[arg(long, default_value = "token", value_name = "COLUMN")]
    key: String,
    /// What the columns of the score files are (TOML): pass/fail or continuous, which way is better, what is
    /// safety-critical, which column names the drive. A column whose name does not say for certain which way is better
    /// (`collision`, `min_ade_6`) must be in it: the error prints the lines.
    #[arg(long, value_name = "FILE", requires = "scores")]
    columns: Option<PathBuf>,
    /// Rules of your own, a TOML file; the built-in ones where there is none.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// What is known of the update (TOML): purpose, target vehicles and the like, for the evidence.
    #[arg(long, value_name = "FILE")]
    release: Option<PathBuf>,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write the evidence (JSON) here too.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Write the report (HTML) here too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write what more data would decide it, slice by slice (JSON), here: what to look for next.
    #[arg(long, value_name = "FILE")]
    wanted: Option<PathBuf>,
    /// Sign the evidence with this private key (`driveloop ota keygen`).
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Write the signed evidence (a DSSE envelope) here; that of models is put into the lake too.
    #[arg(long, value_name = "FILE", requires = "sign")]
    envelope: Option<PathBuf>,
    /// Days after which the signature holds no more.
    #[arg(long, default_value_t = 90, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    expires_days: u32,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    // What the command cannot do without is looked at before it computes.
    let signer = args.sign.as_deref();
    let signer = signer.map(|key| Signer::read(key, args.expires_days));
    let signer = signer.transpose()?;
    let is_scores = args.scores.is_some();
    ensure!(
        !is_scores || signer.is_none() || args.envelope.is_some(),
        "--sign with score files needs --envelope FILE: there is no lake to put it into"
    );
    let validation = match (&args.scores, &args.baseline_scores, &args.candidate) {
        (Some(candidate), Some(baseline), _) => scores(args, candidate, baseline)?,
        (None, _, Some(candidate)) => Box::pin(models(context, args, candidate)).await?,
        _ => bail!("give --candidate and --suite, or --scores and --baseline-scores"),
    };
    write(args.evidence.as_deref(), &validation.evidence_json)?;
    write(args.report.as_deref(), &validation.html)?;
    write(args.wanted.as_deref(), &validation.wanted_json()?)?;
    if let Some(signer) = &signer {
        let envelope = signer.envelope(&validation)?;
        write(args.envelope.as_deref(), &envelope)?;
        if !is_scores {
            let lake = context.existing_lake().await?;
            put_envelope(&lake, &validation, envelope).await?;
        }
    }
    print(context, &validation)?;
    Ok(match validation.verdict.decision {
        Decision::Pass => Exit::Done,
        Decision::Block | Decision::Inconclusive => Exit::WithLoss,
    })
}

fn write(path: Option<&Path>, text: &str) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

fn scores(args: &Args, candidate: &Path, baseline: &Path) -> Result<Validation> {
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read scores `{}`", path.display()))
    };
    let (candidate_bytes, baseline_bytes) = (read(candidate)?, read(baseline)?);
    let (candidate_name, baseline_name) = (file_name(candidate), file_name(baseline));
    let candidate = ScoreFile {
        name: &candidate_name,
        bytes: &candidate_bytes,
    };
    let baseline = ScoreFile {
        name: &baseline_name,
        bytes: &baseline_bytes,
    };
    let options = ScoresOptions {
        rules: Some(score_rules(args, baseline)?),
        seed: args.seed,
        update: update(args)?,
        ..ScoresOptions::new(&args.key)
    };
    Ok(validate_scores(candidate, baseline, &options)?)
}

/// The rules of the file, else those that fit the columns, with what the columns file says. One that names metrics
/// takes the place of the built-in rules; one that does not adds to them.
fn score_rules(args: &Args, baseline: ScoreFile<'_>) -> Result<Rules> {
    let own = own_rules(args)?;
    let fitting = || {
        let columns = score_columns(baseline)?;
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        Rules::for_columns(&columns)
    };
    let Some(path) = &args.columns else {
        return Ok(own.map_or_else(fitting, Ok)?);
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read columns `{}`", path.display()))?;
    let rules = ScoreColumns::from_toml(&text).and_then(|columns| {
        let base = match own {
            Some(own) => own,
            None if columns.names_no_metric() => fitting()?,
            None => Rules::default(),
        };
        base.with_columns(&columns)
    });
    rules.with_context(|| format!("columns `{}`", path.display()))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

async fn models(context: &Context, args: &Args, candidate: &str) -> Result<Validation> {
    let lake = context.existing_lake().await?;
    let suite = args.suite.as_deref().context("give --suite")?;
    let rules = own_rules(args)?.map_or_else(Rules::lake_models, Ok)?;
    let baseline = match &args.baseline {
        Some(baseline) => baseline.clone(),
        None => release_baseline(&lake, candidate, &rules).await?,
    };
    let options = ValidateOptions {
        rules: Some(rules),
        seed: args.seed,
        update: update(args)?,
        ..ValidateOptions::new(candidate, baseline, suite, run_id("ota"))
    };
    check_weights(&lake, candidate).await?;
    match validate_models(&lake, &options).await {
        // Why a model has no scores may be known.
        Err(error @ driveloop_ota_validation::Error::NoScenes { .. }) => {
            check_predicts(&lake, candidate).await?;
            Err(error.into())
        }
        validation => Ok(validation?),
    }
}

fn own_rules(args: &Args) -> Result<Option<Rules>> {
    let path = args.rules.as_ref();
    path.map(|path| read_rules(&path.display().to_string()))
        .transpose()
}

fn update(args: &Args) -> Result<UpdateRecord> {
    let path = args.release.as_deref();
    path.map_or_else(|| Ok(UpdateRecord::default()), read_release)
}

/// Reads a release file.
pub(crate) fn read_release(path: &Path) -> Result<UpdateRecord> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read release `{}`", path.display()))?;
    UpdateRecord::from_toml(&text).with_context(|| format!("release `{}`", path.display()))
}

/// Reads a rules file.
pub(crate) fn read_rules(path: &str) -> Result<Rules> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read rules `{path}`"))?;
    Rules::from_toml(&text).with_context(|| format!("rules `{path}`"))
}

fn print(context: &Context, validation: &Validation) -> Result<()> {
    use std::io::Write as _;
    // First of all, how the files were read: a verdict on columns that mean something else is none.
    for sentence in &validation.evidence.suite.reading {
        eprintln!("{sentence}");
    }
    if context.format == Format::Json {
        std::io::stdout().write_all(validation.evidence_json.as_bytes())?;
        return Ok(());
    }
    let columns = [
        "metric",
        "slice",
        "scenes",
        "drives",
        "baseline",
        "candidate",
        "new_failing",
        "mended",
        "p_value",
        "q_value",
        "finding",
    ];
    let mut sheet = Sheet::new(&columns);
    for comparison in &validation.verdict.comparisons {
        let failing = comparison.failing.as_ref();
        sheet.row([
            comparison.metric.as_str().into(),
            comparison.slice.as_str().into(),
            (comparison.scenes as i64).into(),
            (comparison.drives as i64).into(),
            failing
                .map_or(comparison.baseline_mean, |failing| failing.baseline as f64)
                .into(),
            failing
                .map_or(comparison.candidate_mean, |failing| {
                    failing.candidate as f64
                })
                .into(),
            failing.map(|failing| failing.new as i64).into(),
            failing.map(|failing| failing.mended as i64).into(),
            comparison.p_value.into(),
            comparison.q_value.into(),
            finding(comparison.finding).into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    eprintln!("{}", validation.verdict.decision.as_str());
    let reasons = validation.verdict.reasons.iter();
    for reason in reasons.filter(|reason| reason.kind != ReasonKind::Reading) {
        eprintln!("  {}", reason.text);
    }
    Ok(())
}

/// The word of the evidence's JSON.
fn finding(finding: Finding) -> &'static str {
    match finding {
        Finding::Worse => "worse",
        Finding::Better => "better",
        Finding::NoDifference => "no_difference",
        Finding::TooFew => "too_few",
    }
}
