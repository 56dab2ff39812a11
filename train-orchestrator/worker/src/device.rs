//! The device that computes, and the CUDA half of libtorch.
//!
//! The binary is linked against the CPU half only, so that one binary serves every machine. Where the CUDA half of the
//! same libtorch lies beside it (or on `LD_LIBRARY_PATH`), opening it registers the CUDA kernels.

use anyhow::{Context, bail};
use tch::{Cuda, Device};

/// Opens the CUDA half of libtorch where there is one. Must come before the first tensor.
#[expect(
    unsafe_code,
    reason = "dlopen runs the initialisers of a library; libtorch_cuda is made for being loaded so"
)]
fn open_cuda() -> bool {
    // SAFETY: the name is a nul-terminated constant, no other thread runs yet, and the library stays loaded to the end.
    unsafe {
        !libc::dlopen(
            c"libtorch_cuda.so".as_ptr(),
            libc::RTLD_NOW | libc::RTLD_GLOBAL,
        )
        .is_null()
    }
}

/// The device that a text asks for: `auto`, `cpu` or `cuda:N`.
pub(crate) fn resolve(text: &str) -> anyhow::Result<Device> {
    if text == "cpu" {
        return Ok(Device::Cpu);
    }
    let wanted =
        match text {
            "auto" => None,
            "cuda" => Some(0),
            _ => {
                let index = text
                    .strip_prefix("cuda:")
                    .and_then(|index| index.parse::<usize>().ok());
                Some(index.with_context(|| {
                    format!("device: expected auto, cpu or cuda:N, got `{text}`")
                })?)
            }
        };
    let opened = open_cuda();
    let devices = if opened && Cuda::is_available() {
        Cuda::device_count() as usize
    } else {
        0
    };
    match wanted {
        None if devices > 0 => Ok(Device::Cuda(0)),
        None => Ok(Device::Cpu),
        Some(index) if index < devices => Ok(Device::Cuda(index)),
        Some(_) if !opened => bail!(
            "device `{text}`: libtorch_cuda.so was not found\nhint: put the `lib` folder of PyTorch 2.11 with CUDA on LD_LIBRARY_PATH, or use --device cpu"
        ),
        Some(_) => bail!("device `{text}`: expected one of {devices} CUDA devices"),
    }
}

/// The name of a device in metrics and tables.
pub(crate) fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_resolved_or_refused() {
        assert_eq!(resolve("cpu").unwrap(), Device::Cpu);
        assert!(resolve("tpu").unwrap_err().to_string().contains("cuda:N"));
        assert!(resolve("cuda:x").is_err());
        assert!(resolve("cuda:9999").is_err());
    }
}
