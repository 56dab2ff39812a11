//! All that a killed run needs to end with the same bytes: one safetensors file, replaced atomically.
//!
//! The order of the samples is a function of seed and step, so the step is the position in the data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::adam::Adam;
use crate::files::write_atomically;
use crate::model::{Forecaster, Weights};

/// The best model so far and how long it has been that.
pub(crate) struct Best {
    /// Its weights.
    pub(crate) weights: Weights,
    /// Steps behind it.
    pub(crate) step: u64,
    /// Its loss on the validation split; `None` where that is empty.
    pub(crate) loss: Option<f64>,
    /// Evaluations since.
    pub(crate) stale: u64,
}

/// The state of a run after `step` steps.
pub(crate) struct Progress {
    pub(crate) step: u64,
    pub(crate) model: Forecaster,
    pub(crate) adam: Adam,
    pub(crate) best: Best,
}

/// A digest of all that must be the same for a run to go on.
pub(crate) fn identity(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

/// Where the checkpoint of a folder lies.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.safetensors")
}

/// Writes the checkpoint.
pub(crate) fn write(folder: &Path, progress: &Progress, identity: &[u8]) -> anyhow::Result<()> {
    let best = &progress.best;
    let mut tensors: Vec<(String, Tensor)> = vec![
        ("identity".into(), Tensor::from_slice(identity)),
        (
            "counters".into(),
            Tensor::from_slice(&[progress.step, best.step, best.stale].map(|n| n as i64)),
        ),
        // A value that is not finite stands for no loss.
        (
            "best_loss".into(),
            Tensor::from_slice(&[best.loss.unwrap_or(f64::NAN)]),
        ),
    ];
    let groups = [
        ("weights", progress.model.weights()),
        ("first", &progress.adam.first),
        ("second", &progress.adam.second),
        ("best", &best.weights),
    ];
    for (group, weights) in groups {
        for (name, tensor) in weights {
            let tensor = tensor.detach().to_device(Device::Cpu).contiguous();
            tensors.push((format!("{group}/{name}"), tensor));
        }
    }
    write_atomically(&path(folder), |partial| {
        Ok(Tensor::write_safetensors(&tensors, partial)?)
    })
}

/// Reads the checkpoint of a folder; `None` where there is none.
pub(crate) fn read(
    folder: &Path,
    identity: &[u8],
    device: Device,
) -> anyhow::Result<Option<Progress>> {
    let path = path(folder);
    if !path.exists() {
        return Ok(None);
    }
    let progress = parse(&path, identity, device);
    progress.map(Some).with_context(|| {
        format!(
            "checkpoint {}\nhint: remove the file to start over",
            path.display()
        )
    })
}

fn parse(path: &Path, identity: &[u8], device: Device) -> anyhow::Result<Progress> {
    let mut tensors: BTreeMap<String, Tensor> =
        Tensor::read_safetensors(path)?.into_iter().collect();
    let mut take = |name: &str| {
        tensors
            .remove(name)
            .with_context(|| format!("`{name}` is missing"))
    };
    let found = Vec::<u8>::try_from(take("identity")?)?;
    ensure!(
        found == identity,
        "it is of a run with other samples, parameters or seed"
    );
    let counters = Vec::<i64>::try_from(take("counters")?)?;
    let [step, best_step, stale] = counters[..] else {
        anyhow::bail!("expected three counters")
    };
    let loss = take("best_loss")?.to_kind(Kind::Double).double_value(&[0]);
    let mut groups: BTreeMap<String, Weights> = BTreeMap::new();
    for (name, tensor) in tensors {
        let (group, name) = name
            .split_once('/')
            .with_context(|| format!("`{name}` is unknown"))?;
        groups
            .entry(group.to_owned())
            .or_default()
            .insert(name.to_owned(), tensor.to_device(device));
    }
    let mut group = |name: &str| {
        groups
            .remove(name)
            .with_context(|| format!("`{name}` is missing"))
    };
    Ok(Progress {
        step: step as u64,
        model: Forecaster::with_weights(group("weights")?, device),
        adam: Adam {
            first: group("first")?,
            second: group("second")?,
        },
        best: Best {
            weights: group("best")?,
            step: best_step as u64,
            loss: loss.is_finite().then_some(loss),
            stale: stale as u64,
        },
    })
}
