//! Progress on standard error: bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a bar that nothing moves is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Drives, steps, …
    Items,
    /// Bytes, with their rate.
    Bytes,
}

impl Unit {
    fn style(self) -> ProgressStyle {
        let template = match self {
            Self::Items => "{spinner} {prefix:>10} {pos}/{len} {wide_msg} {elapsed}",
            Self::Bytes => {
                "{spinner} {prefix:>10} [{bar:24}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left {wide_msg}"
            }
        };
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }
}

/// The bars of a command, one below the other.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    bars: MultiProgress,
    plain: bool,
}

impl Bars {
    /// No bars yet.
    pub(crate) fn new() -> Self {
        Self {
            bars: MultiProgress::new(),
            plain: !std::io::stderr().is_terminal(),
        }
    }

    /// A stage that has begun.
    pub(crate) fn start(&self, stage: &str, unit: Unit) -> Progress {
        let bar = if self.plain {
            ProgressBar::hidden()
        } else {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(unit.style());
            bar.enable_steady_tick(TICK);
            bar
        };
        bar.set_prefix(stage.to_owned());
        Progress {
            bar,
            plain: self.plain,
        }
    }

    /// Whether there is no terminal to draw bars on.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// A line that stays, above the bars.
    pub(crate) fn note(&self, line: &str) {
        if self.plain {
            eprintln!("{line}");
        } else {
            self.bars.suspend(|| eprintln!("{line}"));
        }
    }
}

/// Shows how far a stage is. The bar goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: bool,
}

impl Progress {
    /// A stage that has begun, alone.
    pub(crate) fn start(stage: &str) -> Self {
        Bars::new().start(stage, Unit::Items)
    }

    /// How many items or bytes there are.
    pub(crate) fn total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// So many more items or bytes are done.
    pub(crate) fn advance(&self, done: u64) {
        self.bar.inc(done);
    }

    /// How many items or bytes are done.
    pub(crate) fn done(&self) -> u64 {
        self.bar.position()
    }

    /// Words beside the bar.
    pub(crate) fn beside(&self, words: &str) {
        self.bar.set_message(words.to_owned());
    }

    /// Something worth a line.
    pub(crate) fn say(&self, line: &str) {
        if self.plain {
            eprintln!("{}: {line}", self.bar.prefix());
        } else {
            self.bar.set_message(line.to_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
