//! Progress: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far a stage is, on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: bool,
}

impl Progress {
    /// A stage that has begun.
    pub(crate) fn start(stage: &str) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = if plain {
            ProgressBar::hidden()
        } else {
            ProgressBar::new_spinner()
        };
        let style =
            ProgressStyle::with_template("{spinner} {prefix:>10} {pos}/{len} {wide_msg} {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_prefix(stage.to_owned());
        if !plain {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar, plain }
    }

    /// How many items there are.
    pub(crate) fn total(&self, items: u64) {
        self.bar.set_length(items);
    }

    /// One more item is done.
    pub(crate) fn done(&self, item: &str) {
        self.bar.inc(1);
        self.say(item);
    }

    /// Something worth a line.
    pub(crate) fn say(&self, line: &str) {
        if self.plain {
            eprintln!("{}: {line}", self.bar.prefix());
        } else {
            self.bar.set_message(line.to_owned());
        }
    }

    /// A line that stays on the screen.
    pub(crate) fn note(&self, line: &str) {
        if self.plain {
            eprintln!("{}: {line}", self.bar.prefix());
        } else {
            self.bar
                .suspend(|| eprintln!("{}: {line}", self.bar.prefix()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
