//! Tables as they were.

use deltalake::DeltaResult;
use deltalake::kernel::Action;
use deltalake::logstore::{LogStoreRef, get_actions};

use crate::error::{Error, Result};

/// Which version of its tables a lake shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AsOf {
    /// The latest.
    #[default]
    Latest,
    /// This version of every table that is named; a table that lacks it is an error.
    Version(i64),
    /// The last version that was committed at this time or before it, in nanoseconds since the Unix epoch (UTC) by the clocks of the
    /// writers. A table that was not there yet is empty.
    TimeNs(i64),
}

/// The version of a table that is asked for; `None` where there was no table yet.
pub(crate) async fn version_at(
    table: &str,
    log_store: &LogStoreRef,
    latest: u64,
    as_of: AsOf,
) -> Result<Option<u64>> {
    match as_of {
        AsOf::Latest => Ok(Some(latest)),
        AsOf::Version(version) => match u64::try_from(version) {
            Ok(version) if version <= latest => Ok(Some(version)),
            _ => Err(Error::NoVersion {
                table: table.to_owned(),
                version,
                latest: latest as i64,
            }),
        },
        AsOf::TimeNs(time_ns) => last_not_after(log_store, latest, time_ns)
            .await
            .map_err(|error| Error::table(table, error)),
    }
}

/// The last version whose commit is not after a time: bisection over the stamps in the log, which rise from one commit to the next.
async fn last_not_after(
    log_store: &LogStoreRef,
    latest: u64,
    time_ns: i64,
) -> DeltaResult<Option<u64>> {
    let (mut begin, mut end) = (0, latest + 1);
    while begin < end {
        let middle = begin + (end - begin) / 2;
        if committed_ns(log_store, middle).await? <= time_ns {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    Ok(begin.checked_sub(1))
}

/// When a version was committed. One whose commit is no longer in the log counts as older than any time.
async fn committed_ns(log_store: &LogStoreRef, version: u64) -> DeltaResult<i64> {
    let Some(bytes) = log_store.read_commit_entry(version).await? else {
        return Ok(i64::MIN);
    };
    let stamps = get_actions(version, &bytes)?
        .into_iter()
        .find_map(|action| match action {
            Action::CommitInfo(info) => info.timestamp,
            _ => None,
        });
    Ok(stamps.map_or(i64::MIN, |stamp_ms| stamp_ms.saturating_mul(1_000_000)))
}
