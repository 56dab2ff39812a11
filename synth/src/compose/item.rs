//! From a candidate to what the lake holds: a drive's rows and their provenance.

use driveloop_lake::digest;
use driveloop_schemas::{
    Drive, EgoState, ItemId, Lane, MapArea, ObjectTrack, Origin, SyntheticItem,
};

use super::edit::{Candidate, Rejection};
use super::host::HostScene;
use super::recipes::Parameters;
use crate::error::Result;

/// The rows of one composed drive.
#[derive(Debug, Clone, PartialEq)]
pub struct ComposedDrive {
    /// Its row.
    pub drive: Drive,
    /// Its objects, the ego among them.
    pub object_tracks: Vec<ObjectTrack>,
    /// Its ego states.
    pub ego_states: Vec<EgoState>,
    /// The host's lanes.
    pub lanes: Vec<Lane>,
    /// The host's areas.
    pub areas: Vec<MapArea>,
}

/// Identity of a candidate: known before it is made.
pub(crate) fn item_id(
    host: &Drive,
    episode_id: &str,
    parameters: &Parameters,
    seed: u64,
) -> Result<ItemId> {
    let version = parameters.recipe().version().to_string();
    let (json, seed) = (parameters.to_json()?, seed.to_string());
    let recipe = parameters.recipe().as_str();
    let parts: [&str; 7] = [
        &host.log_id,
        &host.source_digest,
        episode_id,
        recipe,
        &version,
        &json,
        &seed,
    ];
    Ok(digest(parts).into())
}

/// The provenance row of a candidate.
pub(crate) fn provenance(
    host: &HostScene,
    episode_id: &str,
    parameters: &Parameters,
    seed: u64,
    outcome: &Result<Candidate, Rejection>,
) -> Result<SyntheticItem> {
    let (state, edited_tracks, edit_start_ns, checks) = match outcome {
        Ok(c) => ("accepted", &c.edited_tracks, c.edit_start_ns, &c.checks),
        Err(r) => ("rejected", &r.edited_tracks, r.edit_start_ns, &r.checks),
    };
    Ok(SyntheticItem {
        item_id: item_id(&host.drive, episode_id, parameters, seed)?,
        day: host.drive.day,
        host_log_id: host.drive.log_id.clone(),
        host_source_digest: Some(host.drive.source_digest.clone()),
        host_episode_id: episode_id.into(),
        recipe: parameters.recipe().as_str().to_owned(),
        recipe_version: parameters.recipe().version(),
        parameters: parameters.to_json()?,
        seed: seed as i64,
        edited_tracks: edited_tracks.clone(),
        edit_start_ns,
        state: state.to_owned(),
        checks: checks.to_json(),
    })
}

/// Gives a candidate's rows the identity of its item.
pub(crate) fn composed_drive(
    host: &HostScene,
    item_id: &str,
    candidate: Candidate,
) -> ComposedDrive {
    let Candidate {
        mut object_tracks,
        mut ego_states,
        ..
    } = candidate;
    for row in &mut object_tracks {
        row.log_id = item_id.into();
        row.composed = true;
    }
    for row in &mut ego_states {
        row.log_id = item_id.into();
        row.composed = true;
    }
    let lanes = host.lanes.iter().map(|row| Lane {
        log_id: item_id.into(),
        composed: Some(true),
        ..row.clone()
    });
    let areas = host.areas.iter().map(|row| MapArea {
        log_id: item_id.into(),
        composed: Some(true),
        ..row.clone()
    });
    let drive = Drive {
        log_id: item_id.into(),
        composed: true,
        origin: Origin::Composed.as_str().to_owned(),
        source_uri: format!("lake:{}", host.drive.log_id),
        source_bytes: 0,
        format: "composed".to_owned(),
        privacy_state: "none".to_owned(),
        records_in: (object_tracks.len() + ego_states.len()) as i64,
        records_dropped: 0,
        ..host.drive.clone()
    };
    ComposedDrive {
        drive,
        object_tracks,
        ego_states,
        lanes: lanes.collect(),
        areas: areas.collect(),
    }
}
