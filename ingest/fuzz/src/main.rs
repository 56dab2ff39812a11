//! Gives libFuzzer's inputs to one target of `driveloop_ingest::fuzzing`, which `DRIVELOOP_FUZZ` names. `make fuzz` runs all.

#![no_main]

use std::sync::LazyLock;

use driveloop_ingest::fuzzing::Fuzzer;
use libfuzzer_sys::fuzz_target;

static FUZZER: LazyLock<Fuzzer> = LazyLock::new(|| {
    let target = std::env::var("DRIVELOOP_FUZZ").unwrap_or_default();
    Fuzzer::new(&target)
});

fuzz_target!(|input: &[u8]| FUZZER.run(input));
