//! The same bits on every x86-64 CPU.
//!
//! The libraries below libtorch choose their kernels by the instructions that a CPU has, and different kernels round differently:
//! one specification would give other weights on another machine. They read their choice from the environment when they are
//! loaded, so the process sets it and starts its own program once more.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

/// What fixes the kernels: those that every x86-64 CPU can run.
///
/// * `MKL_CBWR`: the branch of Intel's oneMKL (its Developer Guide, "Obtaining Numerically Reproducible Results").
/// * `ATEN_CPU_CAPABILITY`: the vector kernels of libtorch.
/// * `ONEDNN_MAX_CPU_ISA`: those of oneDNN.
const PORTABLE: [(&str, &str); 3] = [
    ("MKL_CBWR", "COMPATIBLE"),
    ("ATEN_CPU_CAPABILITY", "default"),
    ("ONEDNN_MAX_CPU_ISA", "SSE41"),
];

/// Which kernels a CPU computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CpuKernels {
    /// Those that every x86-64 CPU has: the same bits everywhere.
    Portable,
    /// The fastest that this CPU has, or what the environment says.
    Native,
}

/// Starts this program once more where its environment does not fix the kernels yet; returns where it does. The process keeps
/// its id, its parent and its files.
pub(crate) fn fix(kernels: CpuKernels) -> anyhow::Result<()> {
    let is_fixed = |(name, value): &(&str, &str)| std::env::var(name).as_deref() == Ok(value);
    if kernels == CpuKernels::Native || PORTABLE.iter().all(is_fixed) {
        return Ok(());
    }
    let program = std::env::current_exe().context("cannot find the program of this process")?;
    let error = Command::new(&program)
        .args(std::env::args_os().skip(1))
        .envs(PORTABLE)
        .exec();
    Err(error).with_context(|| format!("cannot start {} once more", program.display()))
}
