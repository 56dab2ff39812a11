//! Sorting of lists that may be longer than memory: runs that fit are sorted, then merged (Knuth, *The Art of Computer Programming* 3, 5.4.1).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Iter, Paged, Record};

/// Bytes of a run.
const RUN_BYTES: usize = 16 << 20;

impl<T: Record> Paged<T> {
    /// The records by a key; those of one key stay in their order.
    pub(crate) fn sorted_by_key<K: Ord>(self, key: impl Fn(&T) -> K) -> Self {
        if self.iter().is_sorted_by_key(|record| key(&record)) {
            return self;
        }
        let store = self.store.clone();
        // What is in memory is one run.
        let length = if self.is_held() {
            usize::MAX
        } else {
            (RUN_BYTES / size_of::<T>()).max(Self::PER_PAGE)
        };
        let runs = self.runs(length, &key);
        match <[Self; 1]>::try_from(runs) {
            Ok([run]) => run,
            Err(runs) => merged(&runs, &key, Self::new(&store)),
        }
    }

    fn runs<K: Ord>(self, length: usize, key: &impl Fn(&T) -> K) -> Vec<Self> {
        let store = self.store.clone();
        let mut runs = Vec::new();
        let mut records = self.drain().peekable();
        while records.peek().is_some() {
            let mut run: Vec<T> = records.by_ref().take(length).collect();
            run.sort_by_key(key);
            runs.push(Self::collect_in(&store, run));
        }
        runs
    }

    /// The record that is at a place when the list is sorted; none where there is no such place.
    pub(crate) fn selected(self, at: usize) -> Option<T>
    where
        T: Ord,
    {
        if !self.is_held() {
            return self.sorted_by_key(|record| *record).get(at);
        }
        let mut records: Vec<T> = self.drain().collect();
        (at < records.len()).then(|| *records.select_nth_unstable(at).1)
    }
}

/// Merges sorted runs; of equal keys those of earlier runs come first.
fn merged<T: Record, K: Ord>(
    runs: &[Paged<T>],
    key: &impl Fn(&T) -> K,
    mut into: Paged<T>,
) -> Paged<T> {
    let mut left: Vec<Iter<'_, T>> = runs.iter().map(Paged::iter).collect();
    let mut heads: Vec<Option<T>> = left.iter_mut().map(Iterator::next).collect();
    let entry = |run: usize, head: &Option<T>| head.as_ref().map(|head| Reverse((key(head), run)));
    let mut next: BinaryHeap<Reverse<(K, usize)>> = heads
        .iter()
        .enumerate()
        .filter_map(|(run, head)| entry(run, head))
        .collect();
    while let Some(Reverse((_, run))) = next.pop() {
        let head = std::mem::replace(&mut heads[run], left[run].next());
        into.extend(head);
        next.extend(entry(run, &heads[run]));
    }
    into
}
