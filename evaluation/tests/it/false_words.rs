//! How often "worse" and "better" are said of two models that do not differ.

use driveloop_evaluation::{Scored, Scores, slice_metrics};
use driveloop_schemas::Sample;

use crate::fixtures::{options, samples};

/// Drives of an evaluation, and how many evaluations; those of many drives take long.
const EVALUATIONS: [(usize, u32); 3] = [(3, 2_000), (10, 2_000), (30, 400)];
/// What the words are held to.
const LEVEL: f64 = 0.025;

/// A multiplicative congruential sequence (Steele and Vigna 2021, 64 bits), for normal values by Box and Muller.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (radius, turn) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }
}

/// The samples of some drives.
fn fleet(drives: usize) -> Vec<Vec<Sample>> {
    (0..drives)
        .map(|drive| samples(&format!("d{drive}")))
        .collect()
}

/// The figures of two models that differ by chance alone, more from drive to drive than from sample to sample.
fn evaluation(fleet: &[Vec<Sample>], draws: &mut Draws) -> Vec<Scored> {
    let mut scored = Vec::new();
    for drive in fleet {
        let of_drive = [draws.normal(), draws.normal()];
        for sample in drive {
            let [model, baseline] = of_drive.map(|of_drive| Some(scores(of_drive, draws)));
            scored.push(Scored {
                sample: sample.clone(),
                has_truth: true,
                model,
                baseline,
            });
        }
    }
    scored
}

fn scores(of_drive: f64, draws: &mut Draws) -> Scores {
    let fde_m = (0.5 + 0.4 * of_drive + 0.3 * draws.normal()).exp();
    Scores {
        ade_m: fde_m * (0.4 + 0.1 * draws.uniform()),
        fde_m,
        miss: fde_m > 2.0,
        collision: fde_m > 4.0,
        off_road: Some(draws.uniform() < 0.02),
        discomfort: Some(draws.uniform() < 0.1),
    }
}

/// The shares of evaluations that say `worse`, and `better`, of anything.
fn shares(drives: usize, evaluations: u32) -> [f64; 2] {
    let mut draws = Draws(0x9e37_79b9_7f4a_7c15 ^ drives as u64);
    let mut said = [0_u32; 2];
    // Intervals have no part in the words: few resamples are enough.
    let mut options = options("m");
    options.resamples = 20;
    let fleet = fleet(drives);
    for _ in 0..evaluations {
        let rows = slice_metrics(&evaluation(&fleet, &mut draws), &options);
        for (said, word) in said.iter_mut().zip(["worse", "better"]) {
            *said += u32::from(rows.iter().any(|row| row.change == word));
        }
    }
    said.map(|said| f64::from(said) / f64::from(evaluations))
}

#[test]
fn where_nothing_differs_worse_is_said_no_more_often_than_its_level() {
    for (drives, evaluations) in EVALUATIONS {
        let error = (LEVEL * (1.0 - LEVEL) / f64::from(evaluations)).sqrt();
        let [worse, better] = shares(drives, evaluations);
        eprintln!(
            "{drives} drives: worse in {worse:.4}, better in {better:.4} of {evaluations} evaluations"
        );
        for share in [worse, better] {
            assert!(share <= LEVEL + 3.0 * error, "{drives} drives: {share}");
        }
        assert!(
            drives >= 10 || worse + better == 0.0,
            "too few drives for a word"
        );
    }
}

#[test]
fn what_is_worse_in_every_drive_is_called_worse() {
    let mut draws = Draws(7);
    let mut scored = evaluation(&fleet(20), &mut draws);
    for item in &mut scored {
        if let Some(scores) = &mut item.model {
            scores.fde_m += 6.0;
        }
    }
    let rows = slice_metrics(&scored, &options("m"));
    let row = rows
        .iter()
        .find(|row| row.slice == "all" && row.metric == "fde_m");
    let row = row.unwrap();
    assert_eq!(row.change, "worse");
    assert!(row.p_worse.unwrap() <= LEVEL && row.p_better.unwrap() > 0.9);
    assert!(row.difference_low.unwrap() > 0.0);
}
