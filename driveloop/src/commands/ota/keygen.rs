//! `driveloop ota keygen`: a key pair to sign evidence with.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use driveloop_ota_validation::PrivateKey;

use super::key_file;
use crate::Exit;

/// Where the keys go.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File of the private key, which only its owner can read; the public key goes to FILE.pub. Neither may be there.
    #[arg(value_name = "FILE")]
    key: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("the system gives no entropy: {error}"))?;
    let key = PrivateKey::from_seed(seed);
    let public_path = key_file::write_pair(&args.key, &key)?;
    eprintln!(
        "private key: {} (keep it secret)\npublic key: {} (hand it to whoever verifies)\nkey id: {}",
        args.key.display(),
        public_path.display(),
        key.public().key_id()
    );
    Ok(Exit::Done)
}
