//! How much of a split was answered.

use crate::slices::Scored;

/// How many samples of a split there are, and how many could be scored for whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Samples of the split.
    pub samples: usize,
    /// Those where the actor's present or a step of its future is not in `object_track`: they count for neither model.
    pub without_truth: usize,
    /// Those that the model answered, and that were scored.
    pub model: usize,
    /// Those that the baseline answered, and that were scored.
    pub baseline: usize,
    /// Those that both answered: they are compared.
    pub both: usize,
}

impl Coverage {
    /// Counts samples.
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Scored>) -> Self {
        let mut counts = Self::default();
        for sample in samples {
            let (model, baseline) = (sample.model.is_some(), sample.baseline.is_some());
            counts.samples += 1;
            counts.without_truth += usize::from(!sample.has_truth);
            counts.model += usize::from(model);
            counts.baseline += usize::from(baseline);
            counts.both += usize::from(model && baseline);
        }
        counts
    }

    /// Whether both models were scored on every sample.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.both == self.samples
    }

    /// Samples that could be scored, and that the model left out.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.samples - self.without_truth - self.model
    }

    /// Samples that could be scored, and that the baseline left out.
    #[must_use]
    pub fn unanswered_by_baseline(&self) -> usize {
        self.samples - self.without_truth - self.baseline
    }
}
