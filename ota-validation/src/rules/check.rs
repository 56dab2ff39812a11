//! Whether rules can be applied.

use driveloop_statistics::DRIVES_MIN;

use super::{Kind, MetricRule, Rules};
use crate::error::{Error, Result};

impl Rules {
    pub(super) fn check(&self) -> Result<()> {
        if self.reference.is_empty() {
            let expected = "a model of the lake, or constant-velocity";
            return Err(refused("reference", expected, "an empty text"));
        }
        let shares = [
            ("worse_alpha", self.worse_alpha),
            ("slice_alpha", self.slice_alpha),
            ("fdr", self.fdr),
            ("noninferiority_alpha", self.noninferiority_alpha),
            ("power", self.power),
        ];
        for (field, value) in shares {
            if !(value > 0.0 && value < 1.0) {
                return Err(refused(field, "a number between 0 and 1", value));
            }
        }
        if !(0.0..=1.0).contains(&self.unanswered_share_max) {
            return Err(refused(
                "unanswered_share_max",
                "a share from 0 to 1",
                self.unanswered_share_max,
            ));
        }
        if !(self.bad_drive_share > 0.0 && self.bad_drive_share <= 1.0) {
            let expected = "a share above 0, at most 1";
            return Err(refused("bad_drive_share", expected, self.bad_drive_share));
        }
        if !(199..=1_000_000).contains(&self.resamples) {
            return Err(refused(
                "resamples",
                "a count from 199 to 1000000",
                self.resamples,
            ));
        }
        if self.slice_alpha < self.worse_alpha {
            let expected = "at least worse_alpha: what blocks looks worse, too";
            return Err(refused("slice_alpha", expected, self.slice_alpha));
        }
        if self.drives_min < DRIVES_MIN as u64 {
            let expected = "at least 10: of fewer drives there is no interval";
            return Err(refused("drives_min", expected, self.drives_min));
        }
        for (name, rule) in &self.metric {
            rule.check(name)?;
        }
        for veto in &self.veto {
            let rule = self.metric.get(&veto.metric);
            if rule.is_none_or(|rule| rule.kind != Kind::PassFail) {
                let expected = "a pass/fail metric with a table of its own";
                return Err(refused("veto.metric", expected, &veto.metric));
            }
            if veto.newly_failing_max.is_none() && veto.failing_share_max.is_none() {
                let expected = "newly_failing_max or failing_share_max";
                return Err(refused("veto", expected, "neither"));
            }
            if let Some(share) = veto.failing_share_max
                && !(0.0..=1.0).contains(&share)
            {
                let expected = "a share from 0 to 1";
                return Err(refused("veto.failing_share_max", expected, share));
            }
        }
        Ok(())
    }
}

impl MetricRule {
    fn check(&self, name: &str) -> Result<()> {
        let field = |part: &str| format!("metric.{name}.{part}");
        if self.fails_below.is_some() && self.fails_above.is_some() {
            return Err(refused(
                &field("fails_above"),
                "one of fails_below and fails_above",
                "both",
            ));
        }
        let limit = self.fails_below.or(self.fails_above);
        if let (Kind::Continuous, Some(limit)) = (self.kind, limit) {
            return Err(refused(
                &field("fails_below"),
                "no limit for a continuous metric",
                limit,
            ));
        }
        if limit.is_some_and(|limit| !limit.is_finite()) {
            return Err(refused(&field("fails_below"), "a finite number", "another"));
        }
        match (self.safety_critical, self.margin) {
            (true, None) => Err(refused(
                &field("margin"),
                "a margin for a safety-critical metric",
                "none",
            )),
            (_, Some(margin)) if !(margin > 0.0 && margin.is_finite()) => {
                Err(refused(&field("margin"), "a number above 0", margin))
            }
            (_, Some(margin)) if self.kind == Kind::PassFail && margin >= 1.0 => {
                Err(refused(&field("margin"), "a share below 1", margin))
            }
            _ => Ok(()),
        }
    }
}

fn refused(field: &str, expected: &'static str, actual: impl ToString) -> Error {
    Error::Setting {
        file: "rules",
        field: field.to_owned(),
        expected,
        actual: actual.to_string(),
    }
}
