//! Composed drives made again from their provenance, and compared with what the lake holds.

use std::collections::BTreeMap;

use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::{
    Drive, EgoState, ItemId, Lane, LogId, MapArea, ObjectTrack, Row, SyntheticItem,
};

use super::commit::load_host;
use super::edit::edit;
use super::host::HostScene;
use super::item::{ComposedDrive, composed_drive, item_id, provenance};
use super::recipes::{Parameters, Recipe};
use crate::error::{Error, Result};

/// What came of making an item again.
#[derive(Debug, Clone, PartialEq)]
pub struct Reproduction {
    /// The item.
    pub item_id: ItemId,
    /// Its recipe.
    pub recipe: String,
    /// `accepted` or `rejected`, as the lake has it.
    pub state: String,
    /// Rows that were compared: of the lake and made again, each key once.
    pub rows: usize,
    /// Rows that are not the same.
    pub differences: Vec<Difference>,
}

/// A row that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its table.
    pub table: &'static str,
    /// Its key in the drive.
    pub key: String,
    /// `missing` in the lake, `extra` or `doubled` there, or `differs`.
    pub kind: &'static str,
}

/// Makes a composed drive again from its provenance row and its host.
///
/// # Errors
/// [`Error::Provenance`] where the host is gone or has changed, or the candidate was a rejected one.
pub async fn recompose(lake: &Lake, item: &SyntheticItem) -> Result<ComposedDrive> {
    let host = host_of(lake, item).await?;
    let (_, drive) = again(&host, item)?;
    drive.ok_or_else(|| unfit(item, "the candidate was rejected".into()))
}

/// Makes items again, accepted or not, and compares them row by row; all items of the lake where none is named.
/// `each` is told of every item as it is done.
///
/// # Errors
/// As [`recompose`], and [`Error::Provenance`] for an item that is not in the lake.
pub async fn reproduce(
    lake: &Lake,
    item_ids: &[ItemId],
    mut each: impl FnMut(Reproduction),
) -> Result<()> {
    let mut by_host: BTreeMap<LogId, Vec<SyntheticItem>> = BTreeMap::new();
    for item in items(lake, item_ids).await? {
        by_host
            .entry(item.host_log_id.clone())
            .or_default()
            .push(item);
    }
    for items in by_host.into_values() {
        let Some(first) = items.first() else { continue };
        let host = host_of(lake, first).await?;
        for item in &items {
            each(compare(lake, &host, item).await?);
        }
    }
    Ok(())
}

async fn items(lake: &Lake, item_ids: &[ItemId]) -> Result<Vec<SyntheticItem>> {
    if item_ids.is_empty() {
        return Ok(lake.read::<SyntheticItem>(None).await?);
    }
    let list: Vec<String> = item_ids.iter().map(|id| sql_literal(id)).collect();
    let filter = format!("item_id IN ({})", list.join(", "));
    let found: Vec<SyntheticItem> = lake.read(Some(&filter)).await?;
    let is_there = |id: &&ItemId| found.iter().any(|item| item.item_id == **id);
    match item_ids.iter().find(|id| !is_there(id)) {
        Some(missing) => Err(Error::Provenance {
            item_id: missing.clone(),
            reason: "it is not in the lake".into(),
        }),
        None => Ok(found),
    }
}

fn unfit(item: &SyntheticItem, reason: String) -> Error {
    Error::Provenance {
        item_id: item.item_id.clone(),
        reason,
    }
}

async fn host_of(lake: &Lake, item: &SyntheticItem) -> Result<HostScene> {
    let host = load_host(lake, &item.host_log_id).await?;
    host.ok_or_else(|| {
        unfit(
            item,
            format!("host `{}` is not in the lake", item.host_log_id),
        )
    })
}

/// The provenance row and the drive, made again.
fn again(host: &HostScene, item: &SyntheticItem) -> Result<(SyntheticItem, Option<ComposedDrive>)> {
    if let Some(recipe) = Recipe::from_name(&item.recipe)
        && recipe.version() != item.recipe_version
    {
        let (old, new) = (item.recipe_version, recipe.version());
        let reason =
            format!("it was made by version {old} of its recipe, and this is version {new}");
        return Err(unfit(item, reason));
    }
    let digest = &host.drive.source_digest;
    if item
        .host_source_digest
        .as_ref()
        .is_some_and(|old| old != digest)
    {
        let reason = format!("the log of host `{}` is another one now", host.drive.log_id);
        return Err(unfit(item, reason));
    }
    let parameters = Parameters::from_json(&item.recipe, &item.parameters)?;
    let seed = item.seed as u64;
    if item_id(&host.drive, &item.host_episode_id, &parameters, seed)? != item.item_id {
        return Err(unfit(item, "its name does not follow from its row".into()));
    }
    let outcome = edit(host, &parameters);
    let row = provenance(host, &item.host_episode_id, &parameters, seed, &outcome)?;
    let drive = outcome.ok();
    Ok((
        row,
        drive.map(|candidate| composed_drive(host, &item.item_id, candidate)),
    ))
}

async fn compare(lake: &Lake, host: &HostScene, item: &SyntheticItem) -> Result<Reproduction> {
    let (row, drive) = again(host, item)?;
    let mut found = Comparison::default();
    found.table(std::slice::from_ref(item), &[row], |row| {
        row.item_id.to_string()
    });
    let filter = format!("log_id = {}", sql_literal(&item.item_id));
    let filter = Some(filter.as_str());
    let made = Rows::of(drive);
    found.table(&lake.read::<Drive>(filter).await?, &made.drives, |row| {
        row.log_id.to_string()
    });
    let of_track = |row: &ObjectTrack| format!("{} {}", row.track_id, row.stamp_ns);
    found.table(
        &lake.read::<ObjectTrack>(filter).await?,
        &made.tracks,
        of_track,
    );
    let of_state = |row: &EgoState| row.stamp_ns.to_string();
    found.table(
        &lake.read::<EgoState>(filter).await?,
        &made.states,
        of_state,
    );
    let of_lane = |row: &Lane| row.lane_id.to_string();
    // Rows that an older version wrote do not say that their drive is composed.
    let mut lanes = lake.read::<Lane>(filter).await?;
    lanes
        .iter_mut()
        .for_each(|row| row.composed = row.composed.or(Some(true)));
    found.table(&lanes, &made.lanes, of_lane);
    let of_area = |row: &MapArea| format!("{} {}", row.kind, row.area_id);
    let mut areas = lake.read::<MapArea>(filter).await?;
    areas
        .iter_mut()
        .for_each(|row| row.composed = row.composed.or(Some(true)));
    found.table(&areas, &made.areas, of_area);
    Ok(Reproduction {
        item_id: item.item_id.clone(),
        recipe: item.recipe.clone(),
        state: item.state.clone(),
        rows: found.rows,
        differences: found.differences,
    })
}

/// The rows of a drive by table; none of a candidate that was rejected.
#[derive(Default)]
struct Rows {
    drives: Vec<Drive>,
    tracks: Vec<ObjectTrack>,
    states: Vec<EgoState>,
    lanes: Vec<Lane>,
    areas: Vec<MapArea>,
}

impl Rows {
    fn of(drive: Option<ComposedDrive>) -> Self {
        drive.map_or_else(Self::default, |drive| Self {
            drives: vec![drive.drive],
            tracks: drive.object_tracks,
            states: drive.ego_states,
            lanes: drive.lanes,
            areas: drive.areas,
        })
    }
}

#[derive(Default)]
struct Comparison {
    rows: usize,
    differences: Vec<Difference>,
}

impl Comparison {
    /// Compares what the lake has with what was made again, bit by bit.
    fn table<R: Row + PartialEq>(&mut self, held: &[R], made: &[R], key: impl Fn(&R) -> String) {
        let by_key = |rows: &'_ [R]| -> BTreeMap<String, usize> {
            (rows.iter().enumerate())
                .map(|(index, row)| (key(row), index))
                .collect()
        };
        let (held_by, made_by) = (by_key(held), by_key(made));
        let mut differ = |key: &str, kind| {
            self.differences.push(Difference {
                table: R::SPEC.name,
                key: key.to_owned(),
                kind,
            });
        };
        for (key, index) in &held_by {
            match made_by.get(key) {
                None => differ(key, "extra"),
                Some(other) if held[*index] != made[*other] => differ(key, "differs"),
                Some(_) => {}
            }
        }
        let missing = made_by.keys().filter(|key| !held_by.contains_key(*key));
        let missing: Vec<&String> = missing.collect();
        missing.iter().for_each(|key| differ(key, "missing"));
        self.rows += held_by.len() + missing.len();
        // A key that the lake has twice is in the map once.
        if held.len() != held_by.len() {
            self.differences.push(Difference {
                table: R::SPEC.name,
                key: format!("{} rows", held.len() - held_by.len()),
                kind: "doubled",
            });
        }
    }
}
