//! Tests of the evaluation over a lake, and of what must not change a figure.

mod fixtures;
mod lake;
mod metamorphic;
