//! Edits that put somebody in who was not there, on hand-made scenes.

use driveloop_schemas::ObjectTrack;
use driveloop_schemas::geometry::OrientedBox;
use driveloop_synth::compose::{
    Candidate, Cargo, CargoOrigin, Cover, Crosses, Drops, Flank, HostScene, Parameters, Person,
    StepsOut, edit,
};

use crate::scenes::{BEHIND, Car, EGO, LEAD, START_NS, straight};

/// The ego drives 12 m/s along x from 0, on a road from −4 to 8 m.
fn road(cars: &[Car]) -> HostScene {
    straight(cars, -4.0, 8.0)
}

fn at_s(time_s: f64) -> i64 {
    START_NS + (time_s * 1e9) as i64
}

fn crosses(from: Flank, meet_s: f64) -> Parameters {
    Parameters::Crosses(Crosses {
        meet_ns: at_s(meet_s),
        person: Person::Adult,
        from,
        walk_speed_mps: 1.5,
        impact_share: 0.5,
        reaction_s: 1.15,
    })
}

fn steps_out(cover: Cover, person: Person, reaction_s: f64) -> Parameters {
    Parameters::StepsOut(StepsOut {
        cover,
        person,
        walk_speed_mps: 1.4,
        impact_share: 0.75,
        ahead_m: 1.0,
        reaction_s,
    })
}

fn van(meet_s: f64) -> Cover {
    Cover::Van {
        meet_ns: at_s(meet_s),
        side: Flank::Left,
        flank_gap_m: 1.4,
    }
}

fn drops(origin: CargoOrigin) -> Parameters {
    Parameters::Drops(Drops {
        cargo: Cargo::Pallet,
        origin,
        offset_m: 0.0,
        turn_rad: 0.0,
        reaction_s: 1.15,
    })
}

fn rows<'a>(candidate: &'a Candidate, track_id: &str) -> Vec<&'a ObjectTrack> {
    let all = candidate.object_tracks.iter();
    all.filter(|row| row.track_id == track_id).collect()
}

fn failed(host: &HostScene, parameters: &Parameters) -> String {
    let rejection = edit(host, parameters).expect_err("the edit breaks a check");
    rejection.failed().to_owned()
}

/// The least distance between the ego and a track, over the stamps of both.
fn least_gap_m(candidate: &Candidate, track_id: &str) -> f64 {
    let body = |row: &ObjectTrack| OrientedBox {
        x_m: row.x_m,
        y_m: row.y_m,
        yaw_rad: row.yaw_rad,
        length_m: row.length_m,
        width_m: row.width_m,
    };
    let ego = rows(candidate, "ego");
    let gaps = rows(candidate, track_id).into_iter().filter_map(|row| {
        let ego = ego.iter().find(|ego| ego.stamp_ns == row.stamp_ns)?;
        Some(body(row).distance_m(&body(ego)))
    });
    gaps.fold(f64::INFINITY, f64::min)
}

#[test]
fn a_pedestrian_crosses_and_the_ego_gives_way() {
    let host = road(&[EGO, BEHIND]);
    let candidate = edit(&host, &crosses(Flank::Right, 7.0)).unwrap();
    assert_eq!(
        candidate.edited_tracks,
        ["inserted-pedestrian", "behind", "ego"]
    );
    let walk = rows(&candidate, "inserted-pedestrian");
    assert!(walk.iter().all(|row| row.category == "PEDESTRIAN"));
    // Where the ego's front would have been at 7 s, from kerb to kerb.
    assert!(walk.iter().all(|row| (row.x_m - 86.55).abs() < 1e-6));
    let (first, last) = (walk[0], walk[walk.len() - 1]);
    assert!((first.y_m + 4.6).abs() < 0.11, "{}", first.y_m);
    assert!(last.y_m > 0.0 && last.stamp_ns == at_s(10.0));
    let meeting = walk.iter().find(|row| row.stamp_ns == at_s(7.0)).unwrap();
    assert!(meeting.y_m.abs() < 0.02, "{}", meeting.y_m);
    assert!((meeting.vy_mps.unwrap() - 1.5).abs() < 1e-6);
    let gap_m = least_gap_m(&candidate, "inserted-pedestrian");
    assert!((0.3..20.0).contains(&gap_m), "{gap_m}");
}

#[test]
fn from_the_left_is_as_from_the_right() {
    let host = |low_y_m| straight(&[EGO, BEHIND], low_y_m, -low_y_m);
    let left = edit(&host(-5.05), &crosses(Flank::Left, 7.0)).unwrap();
    let right = edit(&host(-5.05), &crosses(Flank::Right, 7.0)).unwrap();
    for track in ["inserted-pedestrian", "ego", "behind"] {
        for (l, r) in rows(&left, track).iter().zip(rows(&right, track)) {
            assert!((l.x_m - r.x_m).abs() < 1e-9 && (l.y_m + r.y_m).abs() < 1e-9);
        }
    }
}

#[test]
fn who_cannot_cross_is_rejected_by_name() {
    let host = road(&[EGO, BEHIND]);
    // Eight metres to walk in three seconds.
    assert_eq!(failed(&host, &crosses(Flank::Left, 3.0)), "walk_start_s");
    assert_eq!(failed(&host, &crosses(Flank::Left, 9.5)), "time_left_s");
    let wide = straight(&[EGO], -4.0, 30.0);
    assert_eq!(failed(&wide, &crosses(Flank::Right, 7.0)), "kerb_m");
    let parked = Car {
        name: "parked",
        x_m: 86.0,
        y_m: -3.0,
        speed_mps: 0.0,
    };
    let blocked = road(&[EGO, parked]);
    assert_eq!(failed(&blocked, &crosses(Flank::Right, 7.0)), "overlaps");
}

#[test]
fn somebody_steps_out_from_behind_a_van_and_is_seen_late() {
    let beside = Car {
        name: "far",
        x_m: 105.0,
        y_m: 5.0,
        speed_mps: 0.0,
    };
    let host = road(&[EGO, beside]);
    let candidate = edit(&host, &steps_out(van(6.0), Person::Child, 0.5)).unwrap();
    assert_eq!(
        candidate.edited_tracks,
        ["inserted-pedestrian", "inserted-van", "ego"]
    );
    let walk = rows(&candidate, "inserted-pedestrian");
    let van = rows(&candidate, "inserted-van");
    assert_eq!(van.len(), 101, "the van stands there all the time");
    // Flank to flank 1.4 m, and its far end a metre before the pedestrian.
    assert!((van[0].y_m - (0.95 + 1.4 + 1.03)).abs() < 1e-9);
    assert!((van[0].x_m + 2.75 + 1.0 + 0.15 - walk[0].x_m).abs() < 0.02);
    let first_s = (walk[0].stamp_ns - START_NS) as f64 / 1e9;
    assert!((3.5..5.5).contains(&first_s), "seen from {first_s} s on");
    assert!(
        walk[0].y_m < van[0].y_m,
        "it has left the middle of the van"
    );
    assert!(least_gap_m(&candidate, "inserted-pedestrian") > 0.0);
    // The car further on stands right behind the van, as the ego sees it from the beginning.
    let far = rows(&candidate, "far");
    assert!(far.len() < 101 && far[far.len() - 1].stamp_ns == at_s(10.0));
}

#[test]
fn a_grown_up_is_seen_over_a_car_and_a_child_is_not() {
    let parked = Car {
        name: "parked",
        x_m: 60.0,
        y_m: 3.2,
        speed_mps: 0.0,
    };
    let host = road(&[EGO, parked]);
    let cover = || Cover::Standing {
        track_id: "parked".into(),
        pass_ns: at_s(5.0),
    };
    let child = edit(&host, &steps_out(cover(), Person::Child, 0.5)).unwrap();
    assert_eq!(child.edited_tracks, ["inserted-pedestrian", "ego"]);
    let failed = failed(&host, &steps_out(cover(), Person::Adult, 0.5));
    assert_eq!(failed, "first_sight_s");
    let moving = road(&[
        EGO,
        Car {
            speed_mps: 3.0,
            x_m: 45.0,
            ..parked
        },
    ]);
    let rejection = edit(&moving, &steps_out(cover(), Person::Child, 0.5)).unwrap_err();
    assert_eq!(rejection.failed(), "cover_moved_m");
}

#[test]
fn cargo_falls_slides_and_lies_and_the_ego_stops_for_it() {
    let host = road(&[EGO, Car { x_m: 40.0, ..LEAD }, BEHIND]);
    let origin = CargoOrigin::Falls {
        track_id: "lead".into(),
        start_ns: at_s(1.0),
        height_m: 1.0,
        friction: 0.6,
    };
    let candidate = edit(&host, &drops(origin)).unwrap();
    let cargo = rows(&candidate, "inserted-cargo");
    let last = cargo[cargo.len() - 1];
    // Off the back of the lead at 52 m; it flies for √(2h/g), and slides v²/2μg.
    let back_m = 52.0 - 2.3 - 0.2 - 0.6;
    let gone_m = 12.0 * (2.0 / 9.81_f64).sqrt() + 144.0 / (2.0 * 0.6 * 9.81);
    assert!((last.x_m - back_m - gone_m).abs() < 0.01, "{}", last.x_m);
    assert_eq!(
        (last.category.as_str(), last.source_category.as_str()),
        ("DEBRIS", "pallet")
    );
    assert!(last.height_m < 0.2 && last.vx_mps.unwrap().abs() < 1e-9);
    // 14 cm are seen from 58 m.
    let ego = rows(&candidate, "ego");
    let away = |row: &ObjectTrack| {
        let ego = ego.iter().find(|ego| ego.stamp_ns == row.stamp_ns).unwrap();
        (row.x_m - ego.x_m).hypot(row.y_m - ego.y_m)
    };
    assert!(cargo.iter().all(|row| away(row) <= 0.144 / 0.0025));
    let gap_m = least_gap_m(&candidate, "inserted-cargo");
    assert!((0.3..6.0).contains(&gap_m), "{gap_m}");
    assert!(
        ego[100].x_m - ego[99].x_m < 0.5,
        "the ego has almost stopped"
    );
}

#[test]
fn cargo_lies_where_nobody_drove_before() {
    let lies = || drops(CargoOrigin::Lies { meet_ns: at_s(7.0) });
    let candidate = edit(&road(&[EGO, BEHIND]), &lies()).unwrap();
    let cargo = rows(&candidate, "inserted-cargo");
    let first_s = (cargo[0].stamp_ns - START_NS) as f64 / 1e9;
    // It lies 86.9 m ahead at the begin.
    let expected_s = (86.9 - 57.6) / 12.0;
    assert!((first_s - expected_s).abs() < 0.11, "{first_s}");
    assert_eq!(failed(&road(&[EGO, LEAD]), &lies()), "vehicles_over_it");
    let narrow = straight(&[EGO], 0.2, 8.0);
    assert_eq!(failed(&narrow, &lies()), "rows_off_road");
}
