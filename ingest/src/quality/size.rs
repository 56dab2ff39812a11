//! Checks on the extent of actors.

use driveloop_schemas::Severity;

use crate::findings::{Findings, Found};

/// Longer, wider or higher than any road user: road trains of Australia have 36.5 m (53.5 m at the very longest, on permits).
const SIZE_MAX_M: f64 = 40.0;

/// Checks the size of an actor: `size_out_of_range`.
pub(crate) fn check_size(findings: &mut Findings, subject: &str, stamp_ns: i64, size_m: [f64; 3]) {
    let is_possible = |extent: &f64| *extent > 0.0 && *extent <= SIZE_MAX_M;
    if size_m.iter().all(is_possible) {
        return;
    }
    let stamp = Some(stamp_ns);
    let found = Found::one("size_out_of_range", Severity::Warning, subject, stamp);
    let [l, w, h] = size_m;
    findings.add(found, || {
        format!("expected extents in (0, {SIZE_MAX_M}] m, got {l} × {w} × {h}")
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::tests::checks;

    #[test]
    fn sizes_are_checked_at_their_bounds() {
        let mut findings = Findings::default();
        check_size(&mut findings, "car", 0, [SIZE_MAX_M, 2.0, 1.5]);
        check_size(&mut findings, "car", 0, [4.0, 0.0, 1.5]);
        check_size(&mut findings, "car", 1, [4.0, f64::NAN, 1.5]);
        check_size(&mut findings, "car", 2, [SIZE_MAX_M + 0.1, 2.0, 1.5]);
        assert_eq!(checks(findings), [("size_out_of_range", 3)]);
    }
}
