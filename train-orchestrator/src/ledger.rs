//! Where the time of a run went. All times are nanoseconds since its submission, by clocks that nobody sets.

/// Where the time since submission went, in nanoseconds. Each moment is booked once: the three sum to the wall time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ledger {
    /// In steps that count towards the result.
    pub productive_ns: i64,
    /// In steps that were done again, and in starts.
    pub lost_ns: i64,
    /// Without a worker.
    pub waiting_ns: i64,
    /// Up to here time is booked, nanoseconds since submission.
    booked_until_ns: i64,
}

impl Ledger {
    /// Time from submission to the last event, by the clock and not by the bookings.
    #[must_use]
    pub fn wall_ns(&self) -> i64 {
        self.booked_until_ns
    }

    /// The bookings together.
    #[must_use]
    pub fn booked_ns(&self) -> i64 {
        self.productive_ns + self.lost_ns + self.waiting_ns
    }

    /// The ledger as if a run without a worker ended at a time, nanoseconds since submission.
    #[must_use]
    pub fn waiting_until(mut self, elapsed_ns: i64) -> Self {
        self.wait(elapsed_ns);
        self
    }

    pub(crate) fn produce(&mut self, until_ns: i64) {
        self.productive_ns += self.take(until_ns);
    }

    /// Of the steps that counted, only this share still does.
    pub(crate) fn keep(&mut self, share: f64) {
        let gone_ns = (self.productive_ns as f64 * (1.0 - share.clamp(0.0, 1.0))) as i64;
        self.productive_ns -= gone_ns;
        self.lost_ns += gone_ns;
    }

    pub(crate) fn lose(&mut self, until_ns: i64) {
        self.lost_ns += self.take(until_ns);
    }

    pub(crate) fn wait(&mut self, until_ns: i64) {
        self.waiting_ns += self.take(until_ns);
    }

    /// Time since the last booking. A time before that gives none.
    fn take(&mut self, until_ns: i64) -> i64 {
        let taken_ns = until_ns.saturating_sub(self.booked_until_ns).max(0);
        self.booked_until_ns += taken_ns;
        taken_ns
    }
}
