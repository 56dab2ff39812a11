//! One file a verb: its options, and the library call that it is.

pub(crate) mod cancel;
pub(crate) mod dataset;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod feedback;
pub(crate) mod ingest;
pub(crate) mod lake;
pub(crate) mod lineage;
pub(crate) mod logs;
pub(crate) mod mine;
pub(crate) mod ota;
pub(crate) mod round;
pub(crate) mod scenario;
pub(crate) mod simulate;
pub(crate) mod sql;
pub(crate) mod status;
pub(crate) mod synth;
pub(crate) mod train;
pub(crate) mod watch;
