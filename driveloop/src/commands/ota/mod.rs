//! `driveloop ota`: may the release go over the air, and is what says so genuine?

mod key_file;
mod keygen;
mod signer;
mod validate;
mod verify;

use anyhow::Result;
use clap::Subcommand;

use crate::Exit;
use crate::context::Context;

pub(crate) use signer::{Signer, put_envelope};
pub(crate) use validate::{read_release, read_rules};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Compare a candidate with a baseline: PASS (status 0), BLOCK or INCONCLUSIVE (status 3), with reasons.
    Validate(Box<validate::Args>),
    /// Make a key pair to sign evidence with.
    Keygen(keygen::Args),
    /// Verify signed evidence: genuine and PASS (status 0), genuine and another verdict (status 3), or the reason why it
    /// is not accepted (status 1).
    Verify(verify::Args),
}

pub(crate) async fn run(context: &Context, verb: &Verb) -> Result<Exit> {
    match verb {
        Verb::Validate(args) => Box::pin(validate::run(context, args)).await,
        Verb::Keygen(args) => keygen::run(args),
        Verb::Verify(args) => verify::run(context, args),
    }
}
