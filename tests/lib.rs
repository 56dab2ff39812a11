//! Pieces of test harnesses, for this crate and for the tests of others: the Python peers, the shared test data, an S3 server,
//! a proxy that lets its requests fail, and what a program costs.
//!
//! The tests of the whole workspace are in `e2e/` (the binary from end to end) and `tidy/` (how the sources look).
//! Tests that need something that a machine may lack say on standard error that they are skipped. `make test` sets the first:
//!
//! | variable | is |
//! |---|---|
//! | `DRIVELOOP_PEERS` | folder with the Python packages of `tools/setup --peers` |
//! | `DRIVELOOP_BENCH` | folder with the Python packages of `tools/setup --bench` |
//! | `DRIVELOOP_TEST_DATA` | folder with real drives; `../shared/data` beside the checkout where it is not set |
//! | `DRIVELOOP_KILLS` | kills of each of the tests that kill an ingest |
//! | `DRIVELOOP_TRAINING_KILLS` | kills of the worker of a training; its orchestrator is killed half as often |
//! | `DRIVELOOP_COMPOSED_DRIVES` | composed drives that an independent script checks |
//! | `DRIVELOOP_DRIVES` | drives of each of the tests with many drives |
//! | `DRIVELOOP_FULL_SECONDS`, `DRIVELOOP_DENSE_SECONDS` | length of the logs with and without media |
//! | `DRIVELOOP_BENCH_SCALE` | length of the benchmark's logs, as a share of the full ones |
//! | `DRIVELOOP_BENCH_TRACKS`, `DRIVELOOP_BENCH_DRIVES` | folder with the track table of the mining benchmark; drives of the one that is made where none is named |
//! | `DRIVELOOP_BENCH_QUERIES` | which of its nine queries, as `q1,q5` |
//!
//! ```no_run
//! use driveloop_tests::{FaultyProxy, S3Server, s3_environment};
//!
//! let Some(server) = S3Server::start() else {
//!     return; // Said so on standard error.
//! };
//! server.create_bucket("lake");
//! let proxy = FaultyProxy::start(server.address(), 7);
//! let status = std::process::Command::new("driveloop")
//!     .args(["ingest", "logs", "--lake", "s3://lake/one"])
//!     .envs(s3_environment(proxy.address()))
//!     .status();
//! println!("{status:?} after {:?}", proxy.traffic());
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod support {
    pub(crate) mod binary;
    pub(crate) mod faulty_proxy;
    pub(crate) mod peers;
    pub(crate) mod s3_server;
    pub(crate) mod settings;
    pub(crate) mod usage;
}

pub use support::binary::driveloop_binary;
pub use support::faulty_proxy::{FAULT_RATE, Fault, FaultyProxy, Traffic};
pub use support::peers::{bench_python, peers_python, test_data};
pub use support::s3_server::{S3Server, s3_environment};
pub use support::settings::setting;
pub use support::usage::{Usage, run_measured};
