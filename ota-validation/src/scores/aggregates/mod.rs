//! Rows of a score file that are an aggregate of the others and no scene.
//!
//! Three things speak for an aggregate: its numbers are the mean, the sum or the median of other rows; it stands at
//! the end or the beginning; its key is unlike the others. The numbers must speak for it, and one of the other two
//! beside them. Where the numbers cannot be those of an aggregate, the row is a scene, whatever it is called. Where
//! they cannot be told, the row is a question to whoever gave the file.

mod keys;
mod numbers;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use self::keys::{SEPARATORS, Unlike, prefixes, unlike};
use self::numbers::{Agreement, Grades, Numbers};
use super::records::Record;

pub(crate) use self::numbers::{Statistic, is_grade};

/// The chance up to which an unlike key and a place at the end make numbers an aggregate's.
const CHANCE_MAX: f64 = 1.000_001e-3;
/// The chance up to which numbers need but one of key and place.
const CERTAIN: f64 = 1.000_001e-6;
/// Rows whose numbers are compared with statistics; more of them are a table of another kind.
const ROWS_MAX: usize = 512;

/// What a row is that may be no scene. A row without a role is a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A scene, though its key reads like a summary: its numbers are no aggregate's.
    Scene,
    /// An aggregate.
    Aggregate(Statistic),
    /// Its numbers do not tell; those of the other file may.
    Undecided,
    /// Its numbers are none of a scene, its key is a summary's, or aggregates stand beside it; and of what it would be
    /// an aggregate is not found.
    Doubted,
}

/// Where a file has what, as far as it matters here.
pub(crate) struct Places<'a> {
    pub(crate) key: usize,
    /// Columns that are no numbers of a scene.
    pub(crate) passed_over: &'a [usize],
    /// Whether each row is valid.
    pub(crate) valid: &'a [bool],
}

/// The roles of the rows that may be no scenes, by position.
pub(crate) fn roles(records: &[Record], places: &Places<'_>) -> BTreeMap<usize, Role> {
    if records.len() < 2 {
        return BTreeMap::new();
    }
    let keys: Vec<&str> = records
        .iter()
        .map(|record| record.key(places.key))
        .collect();
    let numbers = Numbers::new(records, places.passed_over);
    let categories = category_names(records, places, &keys);
    let unlike = unlike(&keys, &[prefixes(&keys), categories, numbers.ungraded()]);
    let mut search = Search {
        numbers,
        places,
        edges: edges(&unlike),
        keys,
        unlike,
        records,
        roles: BTreeMap::new(),
        confirmed: BTreeSet::new(),
        namesakes: BTreeMap::new(),
        has_category: false,
    };
    search.run();
    search.roles
}

/// Rows whose key is a text that at least two other rows have in a column: a row a category.
fn category_names(records: &[Record], places: &Places<'_>, keys: &[&str]) -> Vec<usize> {
    let known: HashSet<&str> = keys.iter().copied().filter(|key| !key.is_empty()).collect();
    let mut rows_with: HashMap<&str, usize> = HashMap::new();
    for record in records {
        for (at, cell) in record.cells.iter().enumerate() {
            let cell = cell.trim();
            let is_text = cell.starts_with(char::is_alphabetic) && at != places.key;
            if is_text && known.contains(cell) {
                *rows_with.entry(cell).or_default() += 1;
            }
        }
    }
    let names = |row: &usize| rows_with.get(keys[*row]).is_some_and(|rows| *rows >= 2);
    (0..keys.len()).filter(names).collect()
}

/// The rows of the beginning and of the end whose keys are unlike the others, and the first and the last row.
fn edges(unlike: &[Unlike]) -> BTreeSet<usize> {
    let is_like = |at: &usize| unlike[*at] == Unlike::No;
    let rows = unlike.len();
    let first_like = (0..rows).find(is_like).unwrap_or(rows);
    let last_like = (0..rows).rev().find(is_like).unwrap_or(0);
    let mut edges: BTreeSet<usize> = (0..first_like).chain(last_like + 1..rows).collect();
    if first_like == 0 {
        edges.insert(0);
    }
    if last_like + 1 == rows {
        edges.insert(rows - 1);
    }
    edges
}

struct Search<'a> {
    records: &'a [Record],
    places: &'a Places<'a>,
    keys: Vec<&'a str>,
    numbers: Numbers<'a>,
    unlike: Vec<Unlike>,
    edges: BTreeSet<usize>,
    roles: BTreeMap<usize, Role>,
    /// Rows that an aggregate counts among its scenes.
    confirmed: BTreeSet<usize>,
    /// Rows that have the numbers of the category that their key names, where scenes of it have the same.
    namesakes: BTreeMap<usize, Statistic>,
    /// Whether any aggregate is that of a category that its key names.
    has_category: bool,
}

/// A set of rows that a row may be an aggregate of.
struct Group {
    rows: Vec<usize>,
    /// Whether the row's key names it.
    is_named: bool,
    /// Whether rows with unlike keys are counted in it, which are scenes if the row is its aggregate.
    has_unlike: bool,
}

impl Search<'_> {
    fn run(&mut self) {
        let asked: Vec<usize> = (0..self.records.len())
            .filter(|at| self.edges.contains(at) || self.unlike[*at] != Unlike::No)
            .take(ROWS_MAX)
            .collect();
        // An aggregate of aggregates is recognised once those are; each round finds one more, or is the last.
        loop {
            let aggregates = self.aggregates().len();
            for at in &asked {
                if !self.is_aggregate(*at) {
                    self.judge(*at);
                }
            }
            if self.aggregates().len() == aggregates {
                break;
            }
        }
        let confirmed = &self.confirmed;
        self.roles
            .retain(|at, role| !confirmed.contains(at) || matches!(role, Role::Aggregate(_)));
        self.sums_by_category();
        self.doubt_beside_aggregates();
    }

    fn is_aggregate(&self, at: usize) -> bool {
        matches!(self.roles.get(&at), Some(Role::Aggregate(_)))
    }

    fn aggregates(&self) -> BTreeSet<usize> {
        let roles = self.roles.keys().copied();
        roles.filter(|at| self.is_aggregate(*at)).collect()
    }

    /// Rows that are scenes as far as their keys say.
    fn like_others(&self, but: usize) -> Vec<usize> {
        (0..self.records.len())
            .filter(|at| *at != but && self.unlike[*at] == Unlike::No && !self.is_aggregate(*at))
            .collect()
    }

    fn judge(&mut self, at: usize) {
        let scenes = self.like_others(at);
        if scenes.is_empty() || !self.numbers.has_any(at) {
            if self.unlike[at] == Unlike::Summary {
                self.roles.insert(at, Role::Doubted);
            }
            return;
        }
        let mut best: Option<(Agreement, Group)> = None;
        // A scene is the median of a column now and then: that is looked at only where the key says so.
        let statistics = match self.unlike[at] {
            Unlike::Summary => [Statistic::Mean, Statistic::Sum, Statistic::Median].as_slice(),
            Unlike::No | Unlike::Odd => &[Statistic::Mean, Statistic::Sum],
        };
        for group in self.groups(at, &scenes) {
            let agreement = self.numbers.agreement(at, &group.rows, &scenes, statistics);
            let Some(mut agreement) = agreement else {
                continue;
            };
            if group.is_named {
                agreement.chance *= CHANCE_MAX;
            }
            let better = best
                .as_ref()
                .is_none_or(|(best, _)| agreement.chance < best.chance);
            if better {
                best = Some((agreement, group));
            }
        }
        let at_edge = self.edges.contains(&at);
        let grades = self.numbers.grades(at, &scenes);
        let agreement = best
            .as_ref()
            .filter(|(agreement, _)| agreement.tells() || self.unlike[at] == Unlike::Summary)
            .map(|(agreement, _)| *agreement);
        let mut role = role(self.unlike[at], at_edge, agreement, grades);
        if let (None, Some((agreement, group))) = (role, &best)
            && group.is_named
        {
            self.namesakes.insert(at, agreement.statistic);
            role = at_edge.then_some(Role::Undecided);
        }
        if role == Some(Role::Scene) && self.numbers.is_extreme(at, &scenes) {
            role = Some(Role::Doubted);
        }
        match role {
            Some(role) => self.roles.insert(at, role),
            None => self.roles.remove(&at),
        };
        if let (true, Some((_, group))) = (self.is_aggregate(at), best) {
            self.has_category |= group.is_named;
            if group.has_unlike {
                self.confirmed.extend(group.rows);
            }
        }
    }

    /// What the row may be an aggregate of: all scenes, the valid ones, those with the same cells filled, those of a
    /// category that its key or one of its cells names, or the aggregates themselves.
    fn groups(&self, at: usize, scenes: &[usize]) -> Vec<Group> {
        let all: Vec<usize> = (0..self.records.len())
            .filter(|other| *other != at && !self.is_aggregate(*other))
            .collect();
        let has_more = all.len() > scenes.len();
        let mut groups = Vec::new();
        for (rows, has_unlike) in [(scenes.to_vec(), false), (all, true)] {
            if has_unlike && !has_more {
                continue;
            }
            let valid: Vec<usize> = rows
                .iter()
                .copied()
                .filter(|row| self.places.valid[*row])
                .collect();
            let filled = self.numbers.filled_alike(at, &rows);
            let parts = [valid, filled].into_iter();
            let parts = parts.filter(|part| !part.is_empty() && part.len() < rows.len());
            let parts: Vec<Vec<usize>> = parts.collect();
            for rows in std::iter::once(rows).chain(parts) {
                groups.push(Group {
                    rows,
                    is_named: false,
                    has_unlike,
                });
            }
        }
        groups.extend(self.categories(at, scenes));
        let aggregates: Vec<usize> = self.aggregates().into_iter().collect();
        if aggregates.len() > 1 {
            groups.push(Group {
                rows: aggregates,
                is_named: false,
                has_unlike: false,
            });
        }
        groups
    }

    /// The categories that the row names: scenes whose key begins with its key, and scenes with its key, or with its
    /// own cell, in a column of text.
    fn categories(&self, at: usize, scenes: &[usize]) -> Vec<Group> {
        let key = self.keys[at];
        let mut groups = Vec::new();
        let mut push = |rows: Vec<usize>, is_named| {
            if !rows.is_empty() && rows.len() < scenes.len() {
                groups.push(Group {
                    rows,
                    is_named,
                    has_unlike: false,
                });
            }
        };
        let begins = |other: &usize| {
            let rest = self.keys[*other].strip_prefix(key);
            !key.is_empty() && rest.is_some_and(|rest| rest.starts_with(SEPARATORS))
        };
        push(scenes.iter().copied().filter(begins).collect(), true);
        let cell = |row: usize, column: usize| {
            let cell = self.records[row].cells.get(column);
            cell.unwrap_or_default().trim()
        };
        for column in 0..self.records[at].cells.len() {
            if column == self.places.key {
                continue;
            }
            for (name, is_named) in [(key, true), (cell(at, column), false)] {
                if name.is_empty() || name.parse::<f64>().is_ok() {
                    continue;
                }
                let has = |other: &usize| cell(*other, column) == name;
                push(scenes.iter().copied().filter(has).collect(), is_named);
            }
        }
        groups
    }

    /// Rows at an edge that together have the sums of the scenes are a row a category.
    fn sums_by_category(&mut self) {
        let scenes: Vec<usize> = self.like_others(usize::MAX);
        let left: BTreeSet<usize> = self
            .edges
            .iter()
            .copied()
            .filter(|at| self.unlike[*at] != Unlike::No && !self.is_aggregate(*at))
            .collect();
        if left.len() > 1 && !scenes.is_empty() && self.numbers.sum_up(&left, &scenes) {
            for at in left {
                self.roles.insert(at, Role::Aggregate(Statistic::Sum));
            }
        }
    }

    /// Beside aggregates, a row with an unlike key may be one as well, such as the mean of a category that all pass: at the
    /// same edge, and anywhere with the key of a summary.
    fn doubt_beside_aggregates(&mut self) {
        let middle = self.records.len() / 2;
        let is_sign =
            |(_, role): &(&usize, &Role)| matches!(role, Role::Aggregate(_) | Role::Doubted);
        let signs: BTreeSet<usize> = self
            .roles
            .iter()
            .filter(is_sign)
            .map(|(at, _)| *at)
            .collect();
        if signs.is_empty() {
            return;
        }
        for at in 0..self.records.len() {
            if self.is_aggregate(at) || self.confirmed.contains(&at) {
                continue;
            }
            let same_edge =
                |sign: &usize| self.edges.contains(sign) && (*sign >= middle) == (at >= middle);
            let beside = self.edges.contains(&at) && signs.iter().any(same_edge);
            let namesake = self.namesakes.get(&at).filter(|_| self.has_category);
            let role = match (self.unlike[at], namesake) {
                (Unlike::Odd, Some(statistic)) => Role::Aggregate(*statistic),
                (Unlike::Odd, None) if beside => Role::Doubted,
                (Unlike::Summary, _) => Role::Doubted,
                _ => continue,
            };
            self.roles.insert(at, role);
        }
    }
}

/// What key, place and numbers make of a row. Nothing is a scene that nobody would doubt.
fn role(
    unlike: Unlike,
    at_edge: bool,
    agreement: Option<Agreement>,
    grades: Grades,
) -> Option<Role> {
    if let Some(agreement) = agreement {
        let chance_max = match (unlike, at_edge) {
            (Unlike::Summary, true) => 1.0,
            (Unlike::Odd, true) => CHANCE_MAX,
            (Unlike::No, false) => 0.0,
            (Unlike::No, true) | (Unlike::Odd | Unlike::Summary, false) => CERTAIN,
        };
        if agreement.chance <= chance_max {
            return Some(Role::Aggregate(agreement.statistic));
        }
        if agreement.chance <= CHANCE_MAX && (at_edge || unlike != Unlike::No) {
            return Some(Role::Undecided);
        }
    }
    match (unlike, at_edge, grades) {
        (Unlike::Summary, _, Grades::Scene) => Some(Role::Scene),
        (Unlike::Summary, _, _)
        | (Unlike::Odd, _, Grades::NoScene)
        | (Unlike::No, true, Grades::NoScene) => Some(Role::Doubted),
        (Unlike::Odd, true, Grades::Unknown) => Some(Role::Undecided),
        _ => None,
    }
}
