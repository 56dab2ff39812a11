//! Slots as locked files, so that several orchestrators with one work folder share a machine. The system releases the locks
//! of one that was killed.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::schedule::{Request, Slots};

/// The slots of this machine, as far as others leave them.
#[derive(Debug)]
pub(crate) struct SlotLocks {
    folder: PathBuf,
    machine: Machine,
}

/// Slots of one job, locked as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    _locks: Vec<File>,
}

impl SlotLocks {
    pub(crate) fn new(work_dir: &Path, machine: Machine) -> Result<Self> {
        let folder = work_dir.join("slots");
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        Ok(Self { folder, machine })
    }

    /// What is free now; memory is counted by each orchestrator for itself.
    pub(crate) fn free(&self) -> Result<Slots> {
        let mut free = Slots {
            memory_mib: self.machine.memory_mib,
            ..Slots::default()
        };
        for cpu in 0..self.machine.cpus {
            free.cpus += u32::from(self.lock(&cpu_name(cpu))?.is_some());
        }
        for gpu in &self.machine.gpus {
            if self.lock(&gpu_name(gpu.index))?.is_some() {
                free.gpus.insert(gpu.index);
            }
        }
        Ok(free)
    }

    /// Locks what a job was granted; `None` where another orchestrator was faster.
    pub(crate) fn hold(&self, request: &Request, gpus: &BTreeSet<u32>) -> Result<Option<Held>> {
        let mut locks = Vec::new();
        for cpu in 0..self.machine.cpus {
            if locks.len() < request.cpus as usize {
                locks.extend(self.lock(&cpu_name(cpu))?);
            }
        }
        for gpu in gpus {
            locks.extend(self.lock(&gpu_name(*gpu))?);
        }
        let is_whole = locks.len() == request.cpus as usize + gpus.len();
        Ok(is_whole.then_some(Held { _locks: locks }))
    }

    fn lock(&self, name: &str) -> Result<Option<File>> {
        let path = self.folder.join(name);
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::io(&path)(source)),
        }
    }
}

fn cpu_name(cpu: u32) -> String {
    format!("cpu-{cpu}")
}

fn gpu_name(gpu: u32) -> String {
    format!("gpu-{gpu}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Gpu;

    #[test]
    fn two_orchestrators_share_the_slots() {
        let folder = tempfile::tempdir().unwrap();
        let gpu = |index| Gpu {
            index,
            uuid: format!("GPU-{index}"),
        };
        let machine = Machine {
            cpus: 3,
            memory_mib: 10,
            gpus: vec![gpu(0), gpu(4)],
        };
        let slots = || SlotLocks::new(folder.path(), machine.clone()).unwrap();
        let (one, other) = (slots(), slots());
        let request = Request {
            cpus: 2,
            gpus: 1,
            ..Request::default()
        };
        let held = one.hold(&request, &[4].into()).unwrap().unwrap();
        let free = other.free().unwrap();
        assert_eq!((free.cpus, free.gpus), (1, [0].into()));
        assert!(
            other.hold(&request, &[0].into()).unwrap().is_none(),
            "one CPU is too few"
        );
        assert_eq!(other.free().unwrap().cpus, 1, "and is not kept");
        drop(held);
        assert_eq!(one.free().unwrap(), machine.slots());
    }
}
