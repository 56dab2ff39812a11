//! Tells the linker where libtorch is at run time: `torch-sys` only says where it is at build time.
//!
//! The order is: the folder that it was built with, then folders beside the binary, so that the binary can travel
//! with a `lib` folder. `LD_LIBRARY_PATH` comes before all of them, since these are RUNPATH entries.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
    if let Some(folder) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) {
        // The link in a checkout may be relative or go away; what it points to stays.
        let folder = folder.canonicalize().unwrap_or(folder);
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
    for relative in [
        "$ORIGIN",
        "$ORIGIN/lib",
        "$ORIGIN/../lib",
        "$ORIGIN/../lib/libtorch",
    ] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{relative}");
    }
}
