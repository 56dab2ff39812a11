//! Feedback: every slice that failed, or that the release gate could not decide, becomes a search for more of it.
//!
//! Failures are chosen on the validation split. What is searched for and composed goes into the training of the next model, which the
//! test split judges: had the test split chosen it, the judge would have written the answers. What the gate could not decide is
//! searched for too, but for the test split itself: such a search asks for drives to judge by, and nothing is composed for it.

mod undecided;

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use driveloop_lake::{Commit, Lake, Versions, digest, sql_literal};
use driveloop_schemas::{FailureSlice, Row as _, Search};

use crate::error::{Error, Result};
use crate::failures::search_sql;
use crate::metrics::Metric;
use undecided::{Undecided, undecided};

/// Searches of one model and dataset at most: what a round can look for. The most urgent ones are kept.
pub const SEARCHES_MAX: usize = 100;

/// The split that judges the next model, and so may not choose what it learns.
const JUDGING_SPLIT: &str = "test";

/// Which searches to make, and how much is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackOptions {
    /// Model that was evaluated, and validated if it was.
    pub model_id: String,
    /// Dataset that it was evaluated on.
    pub dataset: String,
    /// Split whose failures are searched for: `validation`. The test split judges, it does not choose.
    pub split: String,
    /// Episodes of a scenario, or drives of another slice, that training should have.
    pub wanted: u32,
    /// Recipes that compose episodes of a scenario, by scenario.
    pub recipes: BTreeMap<String, Vec<String>>,
    /// The run, for the lineage of the commit.
    pub run_id: String,
}

impl FeedbackOptions {
    /// Forty of everything, no recipes, and failures of the validation split.
    #[must_use]
    pub fn new(model_id: &str, dataset: &str, run_id: &str) -> Self {
        Self {
            model_id: model_id.into(),
            dataset: dataset.into(),
            split: "validation".into(),
            wanted: 40,
            recipes: BTreeMap::new(),
            run_id: run_id.into(),
        }
    }

    /// Model, dataset and split.
    fn names(&self) -> [&str; 3] {
        [&self.model_id, &self.dataset, &self.split].map(String::as_str)
    }

    fn digest(&self) -> String {
        let wanted = self.wanted.to_string();
        let recipes = format!("{:?}", self.recipes);
        let [model_id, dataset, split] = self.names();
        digest(["feedback", model_id, dataset, split, &wanted, &recipes])
    }
}

/// What there is to search for.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedbackReport {
    /// The searches, most urgent first.
    pub searches: Vec<Search>,
    /// Samples of recorded and simulated drives in the split that failures are chosen on. Where there are none, there is nothing to
    /// choose on, and the searches are those for what the release gate could not decide.
    pub chosen_on: i64,
}

/// Makes the searches of a model, runs them, and writes `search`: how much of each slice there is, and how much is missing.
///
/// Reads `failure_slice` of the split and the evidence of the last `release_verdict`. A slice has one search: a failure comes before
/// what was merely not decided, and the most urgent metric names it. The same again commits nothing.
///
/// # Errors
/// When the model was not evaluated on the split, a search does not run, the evidence cannot be read, or the lake fails.
pub async fn feedback(lake: &Lake, options: &FeedbackOptions) -> Result<FeedbackReport> {
    if options.split == JUDGING_SPLIT {
        return Err(Error::InvalidOption {
            option: "split",
            expected: "a split that does not judge, such as `validation`".into(),
            actual: format!("`{JUDGING_SPLIT}`"),
        });
    }
    let inputs = lake.versions().await?;
    let chosen_on = chosen_on(lake, options).await?;
    let [model, dataset, split] = options.names().map(sql_literal);
    let of_model = format!("model_id = {model} AND dataset = {dataset}");
    let of_split = format!("{of_model} AND split = {split}");
    let mut failures = lake.read::<FailureSlice>(Some(&of_split)).await?;
    // A forecast is not driven: what is wrong with it is looked for before what is uncomfortable.
    let is_comfort = |failure: &FailureSlice| failure.metric == Metric::Discomfort.as_str();
    failures.sort_by_key(|failure| (is_comfort(failure), failure.rank));
    let open = undecided(lake, &options.model_id, &options.dataset).await?;
    let mut searches = Vec::new();
    for wish in wishes(&failures, &open) {
        searches.push(search(lake, options, &wish, searches.len() as i32 + 1).await?);
    }
    write(lake, options, &of_model, &searches, inputs).await?;
    Ok(FeedbackReport {
        searches,
        chosen_on,
    })
}

/// Samples of the split that failures are chosen on; an error where there are some and the model was not evaluated on them.
async fn chosen_on(lake: &Lake, options: &FeedbackOptions) -> Result<i64> {
    let [model, dataset, split] = options.names().map(sql_literal);
    let of_split = format!("dataset = {dataset} AND split = {split}");
    let sql = format!("SELECT count(*) FROM sample WHERE {of_split} AND source = 'real'");
    let samples = count(lake, &sql).await?;
    let rows = format!("SELECT count(*) FROM slice_metric WHERE model_id = {model}");
    if samples == 0 || count(lake, &format!("{rows} AND {of_split}")).await? > 0 {
        return Ok(samples);
    }
    let before = format!("{rows} AND dataset = {dataset} AND split = 'unknown'");
    Err(Error::NotEvaluated {
        model_id: options.model_id.clone(),
        dataset: options.dataset.clone(),
        split: options.split.clone(),
        before: if count(lake, &before).await? > 0 {
            "; what was evaluated before splits were recorded says nothing of it"
        } else {
            ""
        },
    })
}

/// A slice of which more is wanted.
struct Wish<'a> {
    slice: &'a str,
    metric: &'a str,
    reason: &'a str,
    /// Drives that the test split has of it, and should have; none where it is wanted for training.
    test_drives: Option<(i64, i64)>,
}

/// One for each slice, most urgent first.
fn wishes<'a>(failures: &'a [FailureSlice], open: &'a [Undecided]) -> Vec<Wish<'a>> {
    let failed = failures.iter().map(|failure| Wish {
        slice: &failure.slice,
        metric: &failure.metric,
        reason: &failure.reason,
        test_drives: None,
    });
    let undecided = open.iter().map(|open| Wish {
        slice: &open.slice,
        metric: &open.metric,
        reason: "inconclusive",
        test_drives: Some((open.drives, open.drives + open.more_drives)),
    });
    let mut seen = BTreeSet::new();
    failed
        .chain(undecided)
        .filter(|wish| seen.insert(wish.slice))
        .take(SEARCHES_MAX)
        .collect()
}

async fn search(
    lake: &Lake,
    options: &FeedbackOptions,
    wish: &Wish<'_>,
    rank: i32,
) -> Result<Search> {
    let search_sql = search_sql(wish.slice, &options.dataset);
    let scenario = wish.slice.strip_prefix("scenario=");
    let counts_episodes = scenario.is_some() && wish.test_drives.is_none();
    let (at_hand, wanted) = match wish.test_drives {
        Some(drives) => drives,
        None => (
            in_training(lake, &options.dataset, wish.slice).await?,
            i64::from(options.wanted),
        ),
    };
    let counted = if counts_episodes {
        "count(*)"
    } else {
        "count(DISTINCT log_id)"
    };
    let found = count(lake, &format!("SELECT {counted} FROM ({search_sql})")).await?;
    let recipes = scenario.and_then(|scenario| options.recipes.get(scenario));
    Ok(Search {
        model_id: options.model_id.clone(),
        dataset: options.dataset.clone(),
        slice: wish.slice.to_owned(),
        reason: wish.reason.to_owned(),
        metric: wish.metric.to_owned(),
        rank,
        scenario: scenario.map(str::to_owned),
        search_sql,
        unit: if counts_episodes {
            "episodes"
        } else {
            "drives"
        }
        .to_owned(),
        wanted,
        at_hand,
        found,
        shortfall: (wanted - at_hand - found).max(0),
        // What was composed trains a model, it does not decide a release.
        recipes: recipes
            .filter(|_| wish.test_drives.is_none())
            .cloned()
            .unwrap_or_default(),
    })
}

/// What the training split has of a slice: episodes of a scenario, otherwise drives.
async fn in_training(lake: &Lake, dataset: &str, slice: &str) -> Result<i64> {
    let split = format!(
        "sample WHERE dataset = {} AND split = 'train' AND source = 'real'",
        sql_literal(dataset)
    );
    let sql = match slice.split_once('=') {
        Some(("scenario", scenario)) => format!(
            "SELECT count(*) FROM episode WHERE scenario = {} AND log_id IN (SELECT log_id FROM {split})",
            sql_literal(scenario)
        ),
        Some(("category", category)) => format!(
            "SELECT count(DISTINCT log_id) FROM {split} AND category = {}",
            sql_literal(category)
        ),
        _ => format!("SELECT count(DISTINCT log_id) FROM {split}"),
    };
    count(lake, &sql).await
}

async fn count(lake: &Lake, sql: &str) -> Result<i64> {
    let batches = lake.query(sql).await?;
    let first = batches
        .iter()
        .find(|batch| batch.num_rows() > 0)
        .and_then(|batch| batch.column(0).as_primitive_opt::<Int64Type>());
    Ok(first.map_or(0, |counts| counts.value(0)))
}

/// Replaces the searches of the model, unless they are the same.
async fn write(
    lake: &Lake,
    options: &FeedbackOptions,
    of_model: &str,
    searches: &[Search],
    mut inputs: Versions,
) -> Result<()> {
    let table = Search::SPEC.name;
    // What the searches were before is no input of theirs.
    let found = inputs.remove(table);
    let mut rows = searches.to_vec();
    rows.sort_by(|a, b| a.slice.cmp(&b.slice));
    if lake.read::<Search>(Some(of_model)).await? == rows {
        return Ok(());
    }
    let found = found.map_or_else(String::new, |version| version.to_string());
    let params_digest = options.digest();
    let commit = Commit {
        stage: "feedback".into(),
        seed: None,
        run_id: options.run_id.clone(),
        inputs,
        transactions: vec![digest([params_digest.as_str(), table, &found])],
        params_digest,
    };
    lake.replace(of_model, &rows, &commit)
        .await
        .map_err(Error::from)?;
    Ok(())
}
