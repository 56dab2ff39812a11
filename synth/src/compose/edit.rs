//! The edit itself: pure, from a host and parameters to a candidate or a reason why not.

use std::collections::BTreeMap;

use driveloop_schemas::maths::hypot;
use driveloop_schemas::{EgoState, ObjectTrack};

use super::checks::{self, Check, Checks};
use super::grid::GridTrack;
use super::host::HostScene;
use super::react::{Changed, react};
use super::recipes::{Parameters, Plan};
use super::{insert, rows};

/// An edit that passed its checks.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The tracks that move differently or were not there: the one that the edit is about first.
    pub edited_tracks: Vec<String>,
    /// First stamp from which recorded tracks may differ, and what was inserted moves or is seen.
    pub edit_start_ns: i64,
    /// All object rows, with the host's identity.
    pub object_tracks: Vec<ObjectTrack>,
    /// All ego states, with the host's identity.
    pub ego_states: Vec<EgoState>,
    /// The checks and their figures.
    pub checks: Checks,
}

/// Why a candidate was not taken: the checks up to the first that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// The tracks that would have moved differently.
    pub edited_tracks: Vec<String>,
    /// First stamp that would have differed.
    pub edit_start_ns: i64,
    /// The checks; the last one failed.
    pub checks: Checks,
}

impl Rejection {
    /// Name of the check that failed.
    #[must_use]
    pub fn failed(&self) -> &str {
        self.checks.failed().map_or("", |check| check.name.as_str())
    }
}

/// Edits a host.
///
/// # Errors
/// The rejection: the edit cannot be made, or its result breaks a check.
pub fn edit(host: &HostScene, parameters: &Parameters) -> Result<Candidate, Rejection> {
    let mut plan = parameters.plan(host).map_err(|refusal| Rejection {
        edited_tracks: vec![refusal.subject.to_string()],
        edit_start_ns: host.stamp_ns(refusal.begin),
        checks: Checks(refusal.checks),
    })?;
    react(host, &mut plan.changed, plan.start);
    finish(host, plan)
}

fn finish(host: &HostScene, plan: Plan) -> Result<Candidate, Rejection> {
    let starts = starts(host, &plan.changed, plan.start);
    let inserted = plan.inserted.iter().map(|inserted| &inserted.track_id);
    let reacted = starts.keys().filter(|id| **id != plan.subject.as_str());
    let mut edited_tracks: Vec<String> = inserted.map(ToString::to_string).collect();
    if edited_tracks.is_empty() {
        edited_tracks.push(plan.subject.to_string());
    }
    edited_tracks.extend(reacted.map(ToString::to_string));
    let first = starts.values().copied().min();
    let begin = if plan.inserted.is_empty() {
        first.unwrap_or(plan.begin)
    } else {
        first.map_or(plan.begin, |first| first.min(plan.begin))
    };
    let edit_start_ns = host.stamp_ns(begin);
    let mut checks = plan.checks;
    let mut scene = rows::rebuild(host, &plan.changed, &starts);
    insert::add(host, &plan.inserted, &mut scene);
    if starts.is_empty() && plan.inserted.is_empty() {
        checks.push(Check::at_least("moved_m", 0.0, rows::CHANGE_M));
    } else {
        checks.extend(checks::check(host, &scene, &starts, &plan.inserted));
    }
    let checks = Checks(checks);
    if checks.failed().is_some() {
        return Err(Rejection {
            edited_tracks,
            edit_start_ns,
            checks,
        });
    }
    let (object_tracks, ego_states) = scene.seen();
    Ok(Candidate {
        edited_tracks,
        edit_start_ns,
        object_tracks,
        ego_states,
        checks,
    })
}

/// The step from which on each recorded track that has changed differs.
fn starts<'a>(host: &HostScene, changed: &'a Changed, start: usize) -> BTreeMap<&'a str, usize> {
    changed
        .iter()
        .filter_map(|(id, mover)| Some((id.as_str(), first_change(host, id, &mover.track, start)?)))
        .collect()
}

/// The first step at which a changed track is elsewhere than the recorded one.
fn first_change(host: &HostScene, id: &str, track: &GridTrack, start: usize) -> Option<usize> {
    let recorded = host.vehicles.get(id)?;
    (start.max(track.first)..track.end()).find(|step| {
        let (Some(a), Some(b)) = (track.state(*step), recorded.state(*step)) else {
            return false;
        };
        hypot(a.x_m - b.x_m, a.y_m - b.y_m) > rows::CHANGE_M
    })
}
