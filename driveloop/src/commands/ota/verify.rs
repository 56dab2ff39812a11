//! `driveloop ota verify`: whether signed evidence is genuine, about these bytes, and not too old.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use driveloop_ota_validation::{Decision, Limits, Statement, VerifyRequest, verify};
use sha2::{Digest as _, Sha256};

use super::key_file;
use crate::Exit;
use crate::context::{Context, now_ns};
use crate::render;
use crate::sheet::Sheet;

/// What to verify, and against what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The envelope: signed evidence as `driveloop ota validate --sign` writes it.
    #[arg(value_name = "ENVELOPE")]
    envelope: PathBuf,
    /// The public key that is trusted.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The UTC time to ask for; now where there is none.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<i64>,
    /// What is to be released: its SHA-256 must be the candidate's. Weights, or the candidate's score file.
    #[arg(long, value_name = "FILE")]
    subject: Option<PathBuf>,
    /// The evidence (JSON) at hand: it must be the one that was signed.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit> {
    let limits = Limits::default();
    let envelope = read_bounded(&args.envelope, limits.envelope_bytes_max)?;
    let key = key_file::read_public(&args.key)?;
    let request = VerifyRequest {
        subject_sha256: args.subject.as_deref().map(sha256).transpose()?,
        evidence_sha256: args.evidence.as_deref().map(sha256).transpose()?,
        limits,
        ..VerifyRequest::new(&key, args.at.unwrap_or_else(now_ns))
    };
    let statement = verify(&envelope, &request)
        .with_context(|| format!("`{}` is not accepted", args.envelope.display()))?;
    print(context, &statement, &key.key_id())?;
    let passed = statement.predicate.verdict == Decision::Pass.as_str();
    Ok(if passed { Exit::Done } else { Exit::WithLoss })
}

/// A byte more than may be, so that what is too large is seen to be.
fn read_bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>> {
    let read = || {
        let mut bytes = Vec::new();
        let mut file = File::open(path)?.take(bytes_max as u64 + 1);
        file.read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    read().with_context(|| format!("cannot read `{}`", path.display()))
}

fn sha256(path: &Path) -> Result<String> {
    let digest = || {
        let mut hasher = Sha256::new();
        std::io::copy(&mut File::open(path)?, &mut hasher)?;
        std::io::Result::Ok(hex::encode(hasher.finalize()))
    };
    digest().with_context(|| format!("cannot read `{}`", path.display()))
}

fn print(context: &Context, statement: &Statement, key_id: &str) -> Result<()> {
    let columns = [
        "verdict",
        "candidate",
        "sha256",
        "issued_at",
        "expires_at",
        "evidence_sha256",
        "report_sha256",
        "key_id",
    ];
    let mut sheet = Sheet::new(&columns);
    let predicate = &statement.predicate;
    for subject in &statement.subject {
        sheet.row([
            predicate.verdict.as_str().into(),
            subject.name.as_str().into(),
            subject.sha256().into(),
            predicate.issued_at.as_str().into(),
            predicate.expires_at.as_str().into(),
            predicate.evidence_sha256.as_str().into(),
            predicate.report_sha256.as_str().into(),
            key_id.into(),
        ]);
    }
    render::sheet(context.format, sheet)
}

fn time(text: &str) -> Result<i64, String> {
    arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(text)
        .map_err(|_| "expected a UTC time, such as 2026-11-22T10:00:00Z".to_owned())
}
