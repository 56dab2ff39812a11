//! Lists of records that may be longer than memory: what a drive needs whole, and is as long as the drive.
//!
//! A list is made of pages. Those of all lists of a drive that go beyond `held_bytes_max` are in a file ([`Store`]). A list is appended
//! to, gone through from end to end, searched, and sorted; each is done page by page.

mod record;
mod sort;
mod store;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use record::{Record, record, wrapped_record};
pub(crate) use store::Store;
use store::{PAGE_BYTES, Slot, Weight};

/// A list of records.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    store: Store,
    pages: Vec<Page<T>>,
    /// The first record of each page: a search looks at these before it looks into one.
    firsts: Vec<T>,
    /// Records behind the last page.
    tail: Vec<T>,
    /// Bytes of the pages that are in memory.
    held_bytes: usize,
    /// The page of the file that was read last.
    last_read: Mutex<Option<(usize, Arc<Vec<T>>)>>,
}

#[derive(Debug)]
enum Page<T> {
    Held(
        Arc<Vec<T>>,
        #[expect(dead_code, reason = "counts until it is dropped")] Weight,
    ),
    Filed(Slot),
}

impl<T> Default for Paged<T> {
    /// A list that is all in memory.
    fn default() -> Self {
        Self::new(&Store::default())
    }
}

impl<T> Paged<T> {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            pages: Vec::new(),
            firsts: Vec::new(),
            tail: Vec::new(),
            held_bytes: 0,
            last_read: Mutex::default(),
        }
    }

    /// Where its pages are.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let records = self.firsts.capacity() + self.tail.capacity();
        self.held_bytes + records * size_of::<T>() + self.pages.capacity() * size_of::<Page<T>>()
    }
}

impl<T: Record> Paged<T> {
    /// Records of a page: a power of two.
    const PER_PAGE: usize = {
        let fit = PAGE_BYTES / T::BYTES;
        assert!(fit > 0, "a record fits into a page");
        1 << fit.ilog2()
    };

    pub(crate) fn len(&self) -> usize {
        self.pages.len() * Self::PER_PAGE + self.tail.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&mut self, record: T) {
        self.tail.push(record);
        if self.tail.len() == Self::PER_PAGE {
            self.seal();
        }
    }

    /// Makes a page of the tail.
    fn seal(&mut self) {
        let records = std::mem::take(&mut self.tail);
        self.firsts.push(records[0]);
        let bytes = records.capacity() * size_of::<T>();
        self.held_bytes += bytes;
        let weight = self.store.weigh(bytes);
        self.pages.push(Page::Held(Arc::new(records), weight));
        if self.store.is_over() {
            self.file();
        }
    }

    /// Writes all pages that are in memory to the file.
    fn file(&mut self) {
        let mut bytes = Vec::with_capacity(Self::PER_PAGE * T::BYTES);
        for page in &mut self.pages {
            if let Page::Held(records, _) = page {
                bytes.clear();
                records.iter().for_each(|record| record.write(&mut bytes));
                let Some(slot) = self.store.write(&bytes) else {
                    return;
                };
                self.held_bytes -= records.capacity() * size_of::<T>();
                *page = Page::Filed(slot);
            }
        }
    }

    /// A record; none behind the end, or where the store failed.
    pub(crate) fn get(&self, at: usize) -> Option<T> {
        let (page, within) = (at / Self::PER_PAGE, at % Self::PER_PAGE);
        match self.pages.get(page) {
            Some(Page::Held(records, _)) => records.get(within).copied(),
            Some(Page::Filed(slot)) => self.read(page, slot).get(within).copied(),
            None if page == self.pages.len() => self.tail.get(within).copied(),
            None => None,
        }
    }

    pub(crate) fn first(&self) -> Option<T> {
        self.get(0)
    }

    pub(crate) fn last(&self) -> Option<T> {
        self.get(self.len().checked_sub(1)?)
    }

    fn read(&self, page: usize, slot: &Slot) -> Arc<Vec<T>> {
        let mut last = self
            .last_read
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((at, records)) = &*last
            && *at == page
        {
            return Arc::clone(records);
        }
        let records = Arc::new(Self::unfiled(slot));
        *last = Some((page, Arc::clone(&records)));
        records
    }

    /// The records of a page of the file; none where the store failed.
    fn unfiled(slot: &Slot) -> Vec<T> {
        let bytes = slot.read(Self::PER_PAGE * T::BYTES).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut records = Vec::with_capacity(Self::PER_PAGE);
        while let Some(record) = T::read(&mut rest) {
            records.push(record);
        }
        records
    }

    /// All records, in order.
    pub(crate) fn iter(&self) -> Iter<'_, T> {
        self.range(0..self.len())
    }

    /// Some of the records, in order.
    pub(crate) fn range(&self, records: Range<usize>) -> Iter<'_, T> {
        Iter {
            list: self,
            next: records.start,
            end: records.end.min(self.len()),
            page: None,
        }
    }

    /// Each record with the one behind it.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (T, T)> + '_ {
        self.iter().zip(self.iter().skip(1))
    }

    /// How many records at the beginning are as `is_before` says. All of those are before all others.
    pub(crate) fn partition_point(&self, is_before: impl Fn(&T) -> bool) -> usize {
        let page = self.firsts.partition_point(&is_before).saturating_sub(1);
        let within = match self.pages.get(page) {
            Some(Page::Held(records, _)) => records.partition_point(&is_before),
            Some(Page::Filed(slot)) => self.read(page, slot).partition_point(&is_before),
            None => 0,
        };
        // The tail begins where the last page is before it as a whole.
        if page + 1 >= self.pages.len() && (self.pages.is_empty() || within == Self::PER_PAGE) {
            return self.pages.len() * Self::PER_PAGE + self.tail.partition_point(&is_before);
        }
        page * Self::PER_PAGE + within
    }

    /// Whether no page of it is in the file.
    fn is_held(&self) -> bool {
        self.pages.iter().all(|page| matches!(page, Page::Held(..)))
    }

    /// Takes the records out, page by page: what was taken takes no room any more.
    pub(crate) fn drain(self) -> impl Iterator<Item = T> {
        let Self { pages, tail, .. } = self;
        let pages = pages.into_iter().map(|page| match page {
            Page::Held(records, _) => {
                Arc::try_unwrap(records).unwrap_or_else(|shared| (*shared).clone())
            }
            Page::Filed(slot) => Self::unfiled(&slot),
        });
        pages.chain(std::iter::once(tail)).flatten()
    }

    /// A list of what comes, in the same store.
    pub(crate) fn collect_in(store: &Store, records: impl IntoIterator<Item = T>) -> Self {
        let mut list = Self::new(store);
        list.extend(records);
        list
    }
}

impl<T: Record> Extend<T> for Paged<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, records: I) {
        records.into_iter().for_each(|record| self.push(record));
    }
}

impl<T: Record> FromIterator<T> for Paged<T> {
    fn from_iter<I: IntoIterator<Item = T>>(records: I) -> Self {
        Self::collect_in(&Store::default(), records)
    }
}

impl<'a, T: Record> IntoIterator for &'a Paged<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Goes through a list. It holds one page of the file at a time.
#[derive(Debug, Clone)]
pub(crate) struct Iter<'a, T> {
    list: &'a Paged<T>,
    next: usize,
    end: usize,
    page: Option<(usize, Arc<Vec<T>>)>,
}

impl<T: Record> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next >= self.end {
            return None;
        }
        let per_page = Paged::<T>::PER_PAGE;
        let (page, within) = (self.next / per_page, self.next % per_page);
        self.next += 1;
        if page == self.list.pages.len() {
            return self.list.tail.get(within).copied();
        }
        match &self.page {
            Some((at, records)) if *at == page => records.get(within).copied(),
            _ => {
                let records = match &self.list.pages[page] {
                    Page::Held(records, _) => Arc::clone(records),
                    Page::Filed(slot) => Arc::new(Paged::<T>::unfiled(slot)),
                };
                let record = records.get(within).copied();
                self.page = Some((page, records));
                record
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.next);
        (0, Some(left))
    }
}
