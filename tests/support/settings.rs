//! How much a test does.

use std::fmt::Debug;
use std::str::FromStr;

/// The value of an environment variable, or the default where it is not set.
///
/// # Panics
/// When the value is not of the type.
#[must_use]
pub fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|error| panic!("{name} = `{text}`: {error:?}")),
        Err(_) => default,
    }
}
