//! Nothing: this crate holds the tests of the whole workspace.
