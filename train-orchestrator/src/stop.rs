//! How an orchestrator is asked to end: by the program that it is a part of, which hears of signals.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Asks orchestrators to end. Their workers are asked, given their grace for a last checkpoint, and the runs can be resumed.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    by: OnceLock<String>,
    listeners: AtomicUsize,
}

/// Somebody who ends when asked to, until this is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    stop: Stop,
}

impl Stop {
    /// Asks, in the name of a signal or a person. Who asks first is remembered.
    pub fn ask(&self, by: &str) {
        self.shared.by.get_or_init(|| by.to_owned());
    }

    /// Who asked; `None` where nobody did.
    #[must_use]
    pub fn asked(&self) -> Option<&str> {
        self.shared.by.get().map(String::as_str)
    }

    /// Whether somebody would end who is asked to.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.shared.listeners.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn listen(&self) -> Listening {
        self.shared.listeners.fetch_add(1, Ordering::SeqCst);
        Listening { stop: self.clone() }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.shared.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}
