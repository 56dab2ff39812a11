//! Sines, logarithms and lengths with the same bits on every processor.
//!
//! The methods of `f64` of these names call the C library, which chooses an implementation by what the processor can do, and
//! whose last bit differs between them. Cars of the simulator that react to one another make of such a bit another drive,
//! digests of rows another name, and a model trained on them another verdict. These are `libm`, which is plain Rust; rows are
//! computed with them alone (`tests/tidy` looks). What `f64` does by itself (`sqrt`, `abs`, `powi`, `rem_euclid`, …) is the same
//! everywhere as it is.
//!
//! ```
//! use driveloop_schemas::maths::{atan2, hypot, sin_cos};
//!
//! let (sin, cos) = sin_cos(0.3);
//! assert_eq!(hypot(3.0, 4.0), 5.0);
//! assert!((atan2(sin, cos) - 0.3).abs() < 1e-15);
//! ```

pub use libm::{
    acos, asin, atan, atan2, cos, exp, hypot, log as ln, log1p as ln_1p, sin, sincos as sin_cos,
    tan,
};
