//! `driveloop-worker doctor`.

use std::io::Write;

use anyhow::ensure;
use tch::{Kind, Tensor};

use crate::args::DoctorArgs;
use crate::device;

/// Says what this machine has, and computes something that has one right answer.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let device = device::resolve(&args.device)?;
    let ones = Tensor::ones([64, 64], (Kind::Float, device));
    let sum = ones.matmul(&ones).sum(Kind::Double).double_value(&[]);
    ensure!(
        (sum - 262_144.0).abs() < 0.5,
        "a product of matrices on {}: expected 262144, got {sum}",
        args.device
    );
    let mut out = std::io::stdout().lock();
    writeln!(out, "worker: {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "libtorch: 2.11.0")?;
    writeln!(out, "device: {}", device::name(device))?;
    writeln!(out, "cuda devices: {}", tch::Cuda::device_count())?;
    writeln!(out, "threads: {}", tch::get_num_threads())?;
    writeln!(out, "computes: yes")?;
    Ok(())
}
