//! Stamps of records: from their parts, and which record is the first of its stamp.

use std::collections::HashSet;

use driveloop_schemas::time::stamp_ns_from_sec_nanosec;

/// Nanoseconds from the parts of a stamp, where those are in range.
pub(crate) fn stamp_ns(sec: i64, nanosec: i64) -> Option<i64> {
    let nanosec = u32::try_from(nanosec).ok()?;
    let fits = nanosec < 1_000_000_000;
    fits.then(|| stamp_ns_from_sec_nanosec(sec, nanosec))?
}

/// Tells the first record of a stamp from those after it. While stamps ascend that costs a comparison; a set of them is only made once
/// they go back.
#[derive(Debug, Default)]
pub(crate) struct FirstOfStamp {
    last_ns: Option<i64>,
    all_ns: Option<HashSet<i64>>,
}

impl FirstOfStamp {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        // A slot of a table, and a byte that says whether it is taken.
        self.all_ns
            .as_ref()
            .map_or(0, |all| all.capacity() * (size_of::<i64>() + 1))
    }

    /// Whether no record of the stamp came before. `earlier` gives the stamps of those that did.
    pub(crate) fn is_first<I: Iterator<Item = i64>>(
        &mut self,
        stamp_ns: i64,
        earlier: impl FnOnce() -> I,
    ) -> bool {
        if let Some(all) = &mut self.all_ns {
            return all.insert(stamp_ns);
        }
        match self.last_ns {
            Some(last) if stamp_ns == last => false,
            Some(last) if stamp_ns < last => {
                let mut all: HashSet<i64> = earlier().collect();
                let is_first = all.insert(stamp_ns);
                self.all_ns = Some(all);
                is_first
            }
            _ => {
                self.last_ns = Some(stamp_ns);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FirstOfStamp;

    #[test]
    fn only_the_first_record_of_a_stamp_is() {
        let mut first = FirstOfStamp::default();
        let mut kept = Vec::new();
        for stamp in [1, 2, 2, 5, 3, 5, 3, 4, 6, 6] {
            if first.is_first(stamp, || kept.iter().copied()) {
                kept.push(stamp);
            }
        }
        assert_eq!(kept, [1, 2, 5, 3, 4, 6]);
    }
}
