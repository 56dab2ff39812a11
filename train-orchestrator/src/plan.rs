//! Job files: one job, or several that share the slots of a machine; and what comes after what.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::spec::JobSpec;

/// Jobs of a queue at most: a bound on what is scheduled each time that something changes.
const JOBS_MAX: usize = 10_000;

/// A file of several jobs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    job: Vec<JobSpec>,
}

/// Reads a job file: one job, or an array `[[job]]` of them.
///
/// # Errors
/// [`Error::Spec`] with the place and what is wrong.
pub fn specs_from_toml(text: &str) -> Result<Vec<JobSpec>> {
    let wrong = |error: toml::de::Error| Error::Spec {
        reason: error.to_string().trim_end().to_owned(),
    };
    let table: toml::Table = text.parse().map_err(wrong)?;
    if !table.contains_key("job") {
        return Ok(vec![JobSpec::from_toml(text)?]);
    }
    let several: Several = toml::from_str(text).map_err(wrong)?;
    several.job.iter().try_for_each(JobSpec::check)?;
    Ok(several.job)
}

/// The jobs that each comes after, by their places, and an order in which no job stands before one that it comes after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) after: Vec<Vec<usize>>,
    pub(crate) sorted: Vec<usize>,
}

impl Order {
    /// Finds the order of the jobs.
    pub(crate) fn of(specs: &[&JobSpec]) -> Result<Self> {
        let wrong = |reason: String| Err(Error::Spec { reason });
        if specs.len() > JOBS_MAX {
            return wrong(format!(
                "expected at most {JOBS_MAX} jobs, got {}",
                specs.len()
            ));
        }
        let mut places = BTreeMap::new();
        for (place, spec) in specs.iter().enumerate() {
            if places.insert(spec.name.as_str(), place).is_some() {
                return wrong(format!("`name`: two jobs are called `{}`", spec.name));
            }
        }
        let mut after = Vec::with_capacity(specs.len());
        for spec in specs {
            let mut before = Vec::new();
            for name in &spec.after {
                match places.get(name.as_str()) {
                    Some(place) if !before.contains(place) => before.push(*place),
                    Some(_) => {}
                    None => {
                        let job = &spec.name;
                        return wrong(format!(
                            "`after`: job `{job}` comes after `{name}`, which is not there"
                        ));
                    }
                }
            }
            after.push(before);
        }
        Self::sort(specs, after)
    }

    fn sort(specs: &[&JobSpec], after: Vec<Vec<usize>>) -> Result<Self> {
        let mut sorted: Vec<usize> = Vec::with_capacity(specs.len());
        let mut is_sorted = vec![false; specs.len()];
        while sorted.len() < specs.len() {
            let before = sorted.len();
            for place in 0..specs.len() {
                if !is_sorted[place] && after[place].iter().all(|earlier| is_sorted[*earlier]) {
                    is_sorted[place] = true;
                    sorted.push(place);
                }
            }
            if sorted.len() == before {
                let left = specs.iter().zip(&is_sorted).find(|(_, sorted)| !**sorted);
                let name = left.map_or("", |(spec, _)| spec.name.as_str());
                let reason = format!("`after`: job `{name}` comes after itself, by way of others");
                return Err(Error::Spec { reason });
            }
        }
        Ok(Self { after, sorted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Result<Order> {
        let specs = specs_from_toml(text)?;
        Order::of(&specs.iter().collect::<Vec<_>>())
    }

    fn job(name: &str, after: &str) -> String {
        format!("[[job]]\nname = '{name}'\ndataset = 'd'\nafter = [{after}]\n")
    }

    #[test]
    fn a_file_holds_one_job_or_several() {
        let one = specs_from_toml("name = 'a'\ndataset = 'd'").unwrap();
        assert_eq!(one, [JobSpec::new("a", "d")]);
        let text = job("c", "'b', 'a'") + &job("a", "") + &job("b", "'a'");
        let order = order(&text).unwrap();
        assert_eq!(order.after, [vec![2, 1], vec![], vec![1]]);
        assert_eq!(order.sorted, [1, 2, 0]);
    }

    #[test]
    fn what_cannot_be_ordered_is_refused() {
        for (text, expected) in [
            (job("a", "") + &job("a", ""), "two jobs are called `a`"),
            (job("a", "'b'"), "`b`, which is not there"),
            (job("a", "'b'") + &job("b", "'a'"), "comes after itself"),
            (job("a", "") + "sede = 1", "sede"),
            ("seed = 1\n".to_owned() + &job("a", ""), "seed"),
        ] {
            let error = order(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
