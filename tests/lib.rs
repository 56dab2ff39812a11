//! Pieces of test harnesses, for this crate and for the tests of others: the Python peers, the shared test data, an S3 server,
//! a proxy that lets its requests fail, and what a program costs.
//!
//! The tests of the whole workspace are in `e2e/` (the binary from end to end) and `tidy/` (how the sources look).
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
    pub(crate) mod usage;
}

pub use support::binary::driveloop_binary;
pub use support::faulty_proxy::{FAULT_RATE, Fault, FaultyProxy, Traffic};
pub use support::peers::{bench_python, peers_python, test_data};
pub use support::s3_server::{S3Server, s3_environment};
pub use support::usage::{Usage, run_measured};
