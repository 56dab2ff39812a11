//! Frames and intervals become episodes.

/// A stretch of a drive in which a scenario's query found the same actors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) log_id: String,
    pub(crate) actors: Vec<String>,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
    pub(crate) score: f64,
}

/// Merges rows that come ordered by drive, actors and start; holds one episode.
#[derive(Debug)]
pub(crate) struct Merge {
    min_duration_ns: i64,
    max_gap_ns: i64,
    open: Option<Found>,
}

impl Merge {
    pub(crate) fn new(min_duration_ns: i64, max_gap_ns: i64) -> Self {
        Self {
            min_duration_ns,
            max_gap_ns,
            open: None,
        }
    }

    /// Takes the next row; returns the episode that it ends.
    pub(crate) fn push(&mut self, next: Found) -> Option<Found> {
        if let Some(open) = &mut self.open {
            let same = open.log_id == next.log_id && open.actors == next.actors;
            if same && next.start_ns.saturating_sub(open.end_ns) <= self.max_gap_ns {
                open.end_ns = open.end_ns.max(next.end_ns);
                open.score = open.score.max(next.score);
                return None;
            }
        }
        let ended = self.open.replace(next);
        self.long_enough(ended)
    }

    /// The last episode.
    pub(crate) fn finish(mut self) -> Option<Found> {
        let ended = self.open.take();
        self.long_enough(ended)
    }

    fn long_enough(&self, ended: Option<Found>) -> Option<Found> {
        ended.filter(|found| found.end_ns.saturating_sub(found.start_ns) >= self.min_duration_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episodes(stamps: &[(&str, i64)]) -> Vec<(i64, i64)> {
        let mut merge = Merge::new(20, 15);
        let mut found = Vec::new();
        for (actor, stamp_ns) in stamps {
            let frame = Found {
                log_id: "a".into(),
                actors: vec![(*actor).into()],
                start_ns: *stamp_ns,
                end_ns: *stamp_ns,
                score: 1.0,
            };
            found.extend(merge.push(frame));
        }
        found.extend(merge.finish());
        found
            .iter()
            .map(|found| (found.start_ns, found.end_ns))
            .collect()
    }

    #[test]
    fn frames_merge_across_small_gaps_alone() {
        assert_eq!(episodes(&[("x", 0), ("x", 10), ("x", 25)]), [(0, 25)]);
        assert_eq!(
            episodes(&[("x", 0), ("x", 20), ("x", 30), ("x", 40)]),
            [(20, 40)]
        );
        assert_eq!(episodes(&[("x", 0), ("x", 10), ("y", 20), ("y", 30)]), []);
        assert_eq!(episodes(&[]), []);
    }
}
