//! Made-up scores.

use driveloop_ota_validation::{Paired, PairedMetric, Rules, Scene};

/// Rules with one safety-critical pass/fail metric `hit`, 1 being the failure, and a continuous `error_m`.
pub(crate) fn rules() -> Rules {
    Rules::from_toml(
        r#"
        resamples = 999
        rank_by = ["error_m"]
        [metric.hit]
        kind = "pass_fail"
        direction = "lower_is_better"
        safety_critical = true
        margin = 0.01
        [metric.error_m]
        kind = "continuous"
        direction = "lower_is_better"
        "#,
    )
    .unwrap()
}

/// A small generator of its own (SplitMix64): tests state what they draw.
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// `hit` of baseline and candidate for each scene, `per_drive` scenes to a drive, slices by `slice`.
pub(crate) fn hits(
    scenes: usize,
    per_drive: usize,
    slice: impl Fn(usize) -> Vec<String>,
    mut hit: impl FnMut(usize) -> (bool, bool),
) -> Paired {
    let list = (0..scenes)
        .map(|at| Scene {
            key: format!("scene-{at:06}"),
            drive: format!("drive-{}", at / per_drive),
            slices: slice(at),
        })
        .collect();
    let mut metric = PairedMetric {
        name: "hit".to_owned(),
        candidate: Vec::new(),
        baseline: Vec::new(),
    };
    for at in 0..scenes {
        let (baseline, candidate) = hit(at);
        metric.baseline.push(Some(f64::from(u8::from(baseline))));
        metric.candidate.push(Some(f64::from(u8::from(candidate))));
    }
    Paired::new(list, vec![metric], Vec::new()).unwrap()
}

/// Keeps a report in the folder that `DRIVELOOP_REPORTS` names, to look at it in a browser.
pub(crate) fn keep_report(name: &str, html: &str) {
    if let Some(folder) = std::env::var_os("DRIVELOOP_REPORTS") {
        std::fs::write(std::path::Path::new(&folder).join(name), html).unwrap();
    }
}

pub(crate) fn no_slices(_: usize) -> Vec<String> {
    Vec::new()
}
