//! The binary on its own: `sql`, its formats, limits, prompt and errors, and what `ingest` says.
//! The loop from end to end is tested in `tests/e2e`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise, in its helpers too"
)]

mod harness;
mod ingest;
mod prompt;
mod readme;
mod sql;
