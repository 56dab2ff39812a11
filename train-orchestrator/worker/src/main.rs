//! `driveloop-worker`: the process that trains and predicts with libtorch.
//!
//! It knows Arrow files, safetensors files and the contract of `train-orchestrator/CONTRACT.md`; neither the lake nor
//! a query engine is linked into it, so that the binary is small enough to travel to the nodes of a cluster.
//!
//! * [`source`] reads a file of samples block by block, [`loader`] makes batches of it ahead of the step that takes them, in the
//!   order that [`order`] says; [`data`] are samples as tensors.
//! * [`model`] is the motion forecaster, [`loss`] what it minimises, [`adam`] how.
//! * [`numerics`] makes every CPU compute the same bits.
//! * [`checkpoint`] holds all that a killed run needs to end with the same bytes; [`stop`] hears that the worker is asked to end.
//! * [`train`] and [`predict`] are the verbs; [`doctor`] says what is wrong with a machine.

mod adam;
mod args;
mod checkpoint;
mod data;
mod device;
mod doctor;
mod files;
mod loader;
mod loss;
mod metrics;
mod model;
mod numerics;
mod order;
mod predict;
mod prefetch;
mod rows;
mod source;
mod stop;
mod train;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Verb};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.verb {
        Verb::Train(args) => train::run(args),
        Verb::Predict(args) => predict::run(args),
        Verb::Doctor(args) => doctor::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done where even stderr is closed.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(1)
        }
    }
}
