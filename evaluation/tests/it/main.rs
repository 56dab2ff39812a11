//! Tests of the evaluation over a lake, and of what must not change a figure.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod false_words;
mod feedback;
mod fixtures;
mod lake;
mod metamorphic;
mod peers;
mod splits;
