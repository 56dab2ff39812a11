//! What every store of a lake has to hold: run by this crate's tests on memory, local disk and an S3 server, and by whoever wants to
//! know whether a store of theirs will do.
//!
//! Each case gets a lake of its own, and opens it as often as it needs: two lakes opened at one place know of each other only by
//! what is in the store, as two processes do.
//!
//! ```
//! use driveloop_lake::{Config, Lake, conformance};
//!
//! # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let open = |case: &'static str| async move {
//!     Lake::open_with(&format!("memory://conformance/{case}"), Config::default()).await
//! };
//! for (case, outcome) in conformance::run(open).await {
//!     assert!(outcome.is_ok(), "{case}: {outcome:?}");
//! }
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod commits;
mod maintenance;
mod objects;
mod reading;
mod removal;
#[doc(hidden)]
pub mod rows;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::error::Error;
use crate::lake::Lake;

/// Why a store will not do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An operation failed that should not.
    #[error(transparent)]
    Lake(#[from] Error),
    /// An operation did something else than it should.
    #[error("{what}: expected {expected}, got {actual}")]
    Mismatch {
        /// What was looked at.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
}

/// Outcome of a case.
pub type Outcome = Result<(), Failure>;

/// Opens the lake of a case, as often as it is called.
#[derive(Clone)]
pub(crate) struct Opener(Arc<dyn Fn() -> BoxFuture<'static, crate::Result<Lake>> + Send + Sync>);

impl Opener {
    pub(crate) async fn open(&self) -> Result<Lake, Failure> {
        Ok((self.0)().await?)
    }
}

type Case = (&'static str, fn(Opener) -> BoxFuture<'static, Outcome>);

macro_rules! cases {
    ($($module:ident :: $case:ident),* $(,)?) => {
        &[$( (stringify!($case), |opener| Box::pin($module::$case(opener))) ),*]
    };
}

const CASES: &[Case] = cases![
    reading::a_new_lake_is_empty,
    reading::rows_come_back_in_the_order_of_the_key,
    reading::commits_say_where_they_come_from,
    reading::a_lake_is_seen_as_it_was,
    reading::a_drive_is_seen_wholly_or_not_at_all,
    commits::a_repeated_commit_changes_nothing,
    commits::other_content_under_a_known_id_is_refused,
    commits::a_commit_that_is_there_in_part_is_refused,
    commits::staged_rows_are_seen_when_they_are_committed,
    commits::a_stage_that_is_dropped_leaves_nothing_to_be_seen,
    commits::replacing_touches_only_what_the_predicate_admits,
    commits::many_writers_commit_each_row_once,
    commits::checkpoints_forget_nothing,
    objects::an_object_is_written_once_where_there_is_none,
    objects::one_run_at_a_time_extends_a_journal,
    objects::media_bytes_come_back_unchanged,
    objects::what_is_not_there_is_said,
    maintenance::optimizing_keeps_the_rows,
    maintenance::vacuum_removes_what_nobody_reads,
    maintenance::a_check_finds_what_is_wrong,
    maintenance::a_check_finds_weights_that_are_others,
    removal::a_removed_drive_leaves_nothing_behind,
    removal::a_removal_that_stopped_is_completed,
    removal::a_removed_drive_comes_back_under_another_transaction,
    removal::a_session_sees_a_removed_drive_whole_or_refuses,
    removal::a_vacuum_makes_a_removal_final,
];

/// Runs every case, one after the other. `open` gets the name of the case: the same name is the same lake, another name another.
pub async fn run<F, O>(open: O) -> Vec<(&'static str, Outcome)>
where
    O: Fn(&'static str) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = crate::Result<Lake>> + Send + 'static,
{
    let mut outcomes = Vec::new();
    for (name, case) in CASES {
        let open = open.clone();
        let opener = Opener(Arc::new(move || Box::pin(open(name))));
        outcomes.push((*name, case(opener).await));
    }
    outcomes
}

/// Compares, and says what differs.
fn same<T: PartialEq + Debug>(what: &'static str, actual: T, expected: T) -> Outcome {
    if actual == expected {
        return Ok(());
    }
    Err(Failure::Mismatch {
        what,
        expected: format!("{expected:?}"),
        actual: format!("{actual:?}"),
    })
}

/// Takes the error of what should fail.
fn refused<T: Debug>(what: &'static str, outcome: crate::Result<T>) -> Result<Error, Failure> {
    match outcome {
        Err(error) => Ok(error),
        Ok(done) => Err(Failure::Mismatch {
            what,
            expected: "an error".to_owned(),
            actual: format!("{done:?}"),
        }),
    }
}

/// Whether an error is the expected one.
fn is(what: &'static str, error: &Error, matches: bool) -> Outcome {
    if matches {
        return Ok(());
    }
    Err(Failure::Mismatch {
        what,
        expected: "another error".to_owned(),
        actual: format!("{error:?}"),
    })
}
