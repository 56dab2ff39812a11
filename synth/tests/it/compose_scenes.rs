//! The edit on hand-made scenes: what it does, what it leaves alone, and what it rejects.

use driveloop_schemas::ObjectTrack;
use driveloop_synth::compose::{
    Candidate, CutsIn, HostScene, LeadBrakes, Parameters, Rejection, edit,
};

use crate::scenes::{BEHIND, BESIDE, Car, EGO, LEAD, START_NS, straight};

fn brakes(decel_mps2: f64) -> Parameters {
    Parameters::LeadBrakes(LeadBrakes {
        track_id: "lead".into(),
        start_ns: START_NS + 3_000_000_000,
        decel_mps2,
        floor_speed_share: 0.0,
        hold_s: 1.5,
    })
}

fn cuts_in(gap_m: f64, duration_s: f64) -> Parameters {
    Parameters::CutsIn(CutsIn {
        track_id: "beside".into(),
        start_ns: START_NS + 2_000_000_000,
        gap_m,
        duration_s,
    })
}

fn wide(cars: &[Car]) -> HostScene {
    straight(cars, -6.0, 6.0)
}

fn rejected(host: &HostScene, parameters: &Parameters) -> Rejection {
    edit(host, parameters).expect_err("the edit breaks a check")
}

fn rows<'a>(candidate: &'a Candidate, track_id: &str) -> Vec<&'a ObjectTrack> {
    candidate
        .object_tracks
        .iter()
        .filter(|row| row.track_id == track_id)
        .collect()
}

/// Least second difference of the positions along x: an oracle that shares nothing with the checks.
fn least_accel(rows: &[&ObjectTrack]) -> f64 {
    rows.windows(3)
        .map(|w| (w[2].x_m - 2.0 * w[1].x_m + w[0].x_m) / 0.01)
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn a_lead_brakes_as_told_and_who_is_behind_reacts() {
    let host = wide(&[EGO, LEAD, BEHIND]);
    let candidate = edit(&host, &brakes(6.0)).unwrap();
    assert_eq!(candidate.edited_tracks, ["lead", "behind", "ego"]);
    let lead = rows(&candidate, "lead");
    assert!(
        (least_accel(&lead) + 6.0).abs() < 0.1,
        "{}",
        least_accel(&lead)
    );
    assert!(
        lead[60].x_m - lead[59].x_m < 1e-6,
        "it stands after three seconds"
    );
    for (ahead, back) in [("lead", "ego"), ("ego", "behind")] {
        let gaps = rows(&candidate, ahead)
            .iter()
            .zip(rows(&candidate, back))
            .map(|(a, b)| a.x_m - b.x_m - 4.6)
            .collect::<Vec<_>>();
        let least = gaps.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(least > 0.3, "{back} stops behind {ahead}: {least}");
    }
    assert!(least_accel(&rows(&candidate, "ego")) > -8.0);
}

#[test]
fn nothing_changes_before_the_edit_and_no_stamp_at_all() {
    let host = wide(&[EGO, LEAD, BEHIND]);
    let candidate = edit(&host, &brakes(5.0)).unwrap();
    assert_eq!(candidate.object_tracks.len(), host.object_tracks.len());
    for (new, old) in candidate.object_tracks.iter().zip(&host.object_tracks) {
        assert_eq!((&new.track_id, new.stamp_ns), (&old.track_id, old.stamp_ns));
        if new.stamp_ns < candidate.edit_start_ns {
            assert_eq!(new, old);
        }
    }
    assert!(candidate.edit_start_ns >= START_NS + 3_000_000_000);
}

#[test]
fn velocities_and_ego_columns_follow_the_positions() {
    let host = wide(&[EGO, LEAD]);
    let candidate = edit(&host, &brakes(6.0)).unwrap();
    let (lead, ego) = (rows(&candidate, "lead"), rows(&candidate, "ego"));
    for k in 35..99 {
        let derived = (lead[k + 1].x_m - lead[k - 1].x_m) / 0.2;
        assert!((lead[k].vx_mps.unwrap() - derived).abs() < 1e-6);
        assert!((lead[k].ego_x_m - (lead[k].x_m - ego[k].x_m)).abs() < 1e-6);
        let closing = lead[k].vx_mps.unwrap() - ego[k].vx_mps.unwrap();
        assert!((lead[k].ego_vx_mps.unwrap() - closing).abs() < 1e-6);
    }
    let state = &candidate.ego_states[2 * 60];
    assert!((state.x_m - ego[60].x_m).abs() < 1e-6);
}

#[test]
fn a_neighbour_ends_up_ahead_of_the_ego() {
    let host = wide(&[EGO, BESIDE]);
    let candidate = edit(&host, &cuts_in(11.0, 3.5)).unwrap();
    let beside = rows(&candidate, "beside");
    assert!((beside[19].y_m - 3.5).abs() < 1e-9);
    assert!(beside[60].y_m.abs() < 0.05, "{}", beside[60].y_m);
    let headings = beside.iter().map(|r| r.yaw_rad).fold(0.0, f64::min);
    assert!(
        (-0.2..-0.1).contains(&headings),
        "it points where it goes: {headings}"
    );
}

#[test]
fn what_cannot_be_is_rejected_by_name() {
    assert_eq!(
        rejected(&wide(&[EGO, LEAD]), &brakes(9.5)).failed(),
        "longitudinal_decel_mps2"
    );
    let host = wide(&[EGO, BESIDE]);
    assert_eq!(
        rejected(&host, &cuts_in(11.0, 1.5)).failed(),
        "lateral_accel_mps2"
    );
    assert_eq!(rejected(&host, &cuts_in(25.0, 3.5)).failed(), "gap_error_m");
    let taken = wide(&[
        EGO,
        BESIDE,
        Car {
            name: "lead",
            x_m: 18.0,
            ..LEAD
        },
    ]);
    assert_eq!(rejected(&taken, &cuts_in(11.0, 3.5)).failed(), "overlaps");
    let narrow = straight(&[EGO, BESIDE], 1.0, 6.0);
    assert_eq!(
        rejected(&narrow, &cuts_in(11.0, 3.5)).failed(),
        "rows_off_road"
    );
    let slow = wide(&[
        EGO,
        Car {
            speed_mps: 3.0,
            x_m: 40.0,
            ..BESIDE
        },
    ]);
    assert_eq!(rejected(&slow, &cuts_in(11.0, 3.5)).failed(), "speed_mps");
    let nobody = wide(&[EGO]);
    assert_eq!(rejected(&nobody, &brakes(5.0)).failed(), "track_present");
}

#[test]
fn the_bound_of_a_check_is_where_it_says() {
    let host = wide(&[EGO, BESIDE]);
    // A quintic over 3.5 m in T has the lateral acceleration 10/√3 · 3.5 / T².
    let limit_s = (10.0 / 3.0_f64.sqrt() * 3.5 / 4.0).sqrt();
    assert!(edit(&host, &cuts_in(11.0, limit_s + 0.15)).is_ok());
    assert_eq!(
        rejected(&host, &cuts_in(11.0, limit_s - 0.15)).failed(),
        "lateral_accel_mps2"
    );
}

#[test]
fn left_and_right_are_alike() {
    let left = edit(&wide(&[EGO, BESIDE]), &cuts_in(11.0, 3.0)).unwrap();
    let right = edit(
        &wide(&[
            EGO,
            Car {
                y_m: -3.5,
                ..BESIDE
            },
        ]),
        &cuts_in(11.0, 3.0),
    )
    .unwrap();
    for (l, r) in rows(&left, "beside").iter().zip(rows(&right, "beside")) {
        assert!((l.y_m + r.y_m).abs() < 1e-9 && (l.x_m - r.x_m).abs() < 1e-9);
    }
}

#[test]
fn the_order_of_the_cars_does_not_matter() {
    let a = edit(&wide(&[EGO, LEAD, BEHIND]), &brakes(6.0)).unwrap();
    let b = edit(&wide(&[BEHIND, EGO, LEAD]), &brakes(6.0)).unwrap();
    assert_eq!(a.object_tracks, b.object_tracks);
    assert_eq!(a.ego_states, b.ego_states);
}
