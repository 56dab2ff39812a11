//! Making things in a thread of their own, a few ahead of who takes them, and counting how long that one waits.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context;

/// The items of an iterator, made ahead.
pub(crate) struct Prefetch<T> {
    items: Receiver<T>,
    waited: Duration,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts a thread that holds at most `ahead` items, and one that it makes. It ends with the iterator, or when nobody takes
    /// its items any more.
    pub(crate) fn spawn(
        ahead: usize,
        items: impl Iterator<Item = T> + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (sender, receiver) = sync_channel(ahead);
        std::thread::Builder::new()
            .name("data".into())
            .spawn(move || {
                for item in items {
                    if sender.send(item).is_err() {
                        break;
                    }
                }
            })
            .context("cannot start the thread that reads data")?;
        Ok(Self {
            items: receiver,
            waited: Duration::ZERO,
        })
    }

    /// How long [`Iterator::next`] has waited so far.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let asked = Instant::now();
        let item = self.items.recv().ok();
        self.waited += asked.elapsed();
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_order_and_waiting_is_counted() {
        let slow = (0..5).inspect(|_| std::thread::sleep(Duration::from_millis(4)));
        let mut items = Prefetch::spawn(2, slow).unwrap();
        assert_eq!(items.by_ref().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(items.waited() >= Duration::from_millis(10));
    }

    #[test]
    fn the_thread_ends_when_nobody_takes_its_items() {
        let (sender, ended) = sync_channel::<()>(0);
        let endless = std::iter::repeat_with(move || {
            let _ = &sender;
        });
        let mut items = Prefetch::spawn(1, endless).unwrap();
        assert!(items.next().is_some());
        drop(items);
        // The thread owned the only sender: without it, nothing can come any more.
        assert!(ended.recv_timeout(Duration::from_mins(1)).is_err());
        assert!(matches!(
            ended.try_recv(),
            Err(std::sync::mpsc::TryRecvError::Disconnected)
        ));
    }
}
