//! `driveloop ota`: may the release go over the air?

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use driveloop_ota_validation::{
    Decision, Rules, ScoreFile, ScoresOptions, ValidateOptions, Validation, validate_models,
    validate_scores,
};

use crate::Exit;
use crate::context::{Context, Format, run_id};
use crate::render;
use crate::sheet::Sheet;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Compare a candidate with a baseline: PASS (status 0), BLOCK or INCONCLUSIVE (status 3), with reasons.
    Validate(Box<Args>),
}

/// Two models of the lake, or two score files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Model that wants to be released.
    #[arg(long, requires = "suite", required_unless_present = "scores")]
    candidate: Option<String>,
    /// Model that it would replace.
    #[arg(long, default_value = "constant-velocity")]
    baseline: String,
    /// Dataset whose test split is the suite; both models must have been evaluated on it.
    #[arg(long)]
    suite: Option<String>,
    /// Scores of the candidate: CSV, a row a scene.
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
    /// Rules of your own, a TOML file; the built-in ones where there is none.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write the evidence (JSON) here too.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Write the report (HTML) here too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, verb: &Verb) -> Result<Exit> {
    let Verb::Validate(args) = verb;
    let validation = match (&args.scores, &args.baseline_scores, &args.candidate) {
        (Some(candidate), Some(baseline), _) => scores(args, candidate, baseline)?,
        (None, _, Some(candidate)) => models(context, args, candidate).await?,
        _ => bail!("give --candidate and --suite, or --scores and --baseline-scores"),
    };
    for (path, text) in [
        (&args.evidence, &validation.evidence_json),
        (&args.report, &validation.html),
    ] {
        if let Some(path) = path {
            std::fs::write(path, text)
                .with_context(|| format!("cannot write `{}`", path.display()))?;
        }
    }
    print(context, &validation)?;
    Ok(match validation.verdict.decision {
        Decision::Pass => Exit::Done,
        Decision::Block | Decision::Inconclusive => Exit::WithLoss,
    })
}

fn scores(args: &Args, candidate: &PathBuf, baseline: &PathBuf) -> Result<Validation> {
    let read = |path: &PathBuf| {
        std::fs::read(path).with_context(|| format!("cannot read scores `{}`", path.display()))
    };
    let (candidate_csv, baseline_csv) = (read(candidate)?, read(baseline)?);
    let rules = args
        .rules
        .as_ref()
        .map(|path| read_rules(&path.display().to_string()))
        .transpose()?;
    let options = ScoresOptions {
        rules,
        seed: args.seed,
        ..ScoresOptions::new(&args.key)
    };
    let name = |path: &PathBuf| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let (candidate_name, baseline_name) = (name(candidate), name(baseline));
    Ok(validate_scores(
        ScoreFile {
            name: &candidate_name,
            csv: &candidate_csv,
        },
        ScoreFile {
            name: &baseline_name,
            csv: &baseline_csv,
        },
        &options,
    )?)
}

async fn models(context: &Context, args: &Args, candidate: &str) -> Result<Validation> {
    let lake = context.existing_lake().await?;
    let rules = args
        .rules
        .as_ref()
        .map(|path| read_rules(&path.display().to_string()))
        .transpose()?;
    let suite = args.suite.as_deref().context("give --suite")?;
    let options = ValidateOptions {
        rules,
        seed: args.seed,
        ..ValidateOptions::new(candidate, &args.baseline, suite, run_id("ota"))
    };
    Ok(validate_models(&lake, &options).await?)
}

/// Reads a rules file.
pub(crate) fn read_rules(path: &str) -> Result<Rules> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read rules `{path}`"))?;
    Rules::from_toml(&text).with_context(|| format!("rules `{path}`"))
}

fn print(context: &Context, validation: &Validation) -> Result<()> {
    use std::io::Write as _;
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
            format!("{:?}", comparison.finding).to_lowercase().into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    eprintln!("{}", validation.verdict.decision.as_str());
    for reason in validation.verdict.reason_texts() {
        eprintln!("  {reason}");
    }
    Ok(())
}
