//! The command line from end to end, as a user runs it: the binary of this build, on folders of the test.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod bad_input;
mod cheating_trainers;
mod composed_drives;
mod contents;
mod damaged_logs;
mod generated_logs;
mod harness;
mod hostile_logs;
mod interruptions;
mod killed_ingest;
mod killed_training;
mod learning;
mod left_out;
mod log;
mod many_drives;
mod orchestrators;
mod peers;
mod real_drives;
mod recall;
mod refav;
mod release_gate;
mod removed_drives;
mod s3;
mod signed_evidence;
mod simulated_round;
mod suites;
mod tour;
mod two_rounds;
mod watched_source;
