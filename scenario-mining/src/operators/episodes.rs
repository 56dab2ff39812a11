//! `episodes_of`: frames become episodes.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;

use super::call::{Call, nanoseconds};
use super::drives::Drives;
use super::exec::{Batches, DriveOperator};
use super::key::{Key, LOG_ID, column};
use super::node::{Operator, OperatorNode, Physical, QualifiedField};
use super::values;
use super::{OperatorDoc, TableFunction};

pub(super) const FUNCTION: TableFunction = TableFunction {
    doc: OperatorDoc {
        name: "episodes_of",
        arguments: "frames, max_gap_s => 0.25, min_duration_s => 0, enter => condition, stay => condition, score => value, \
            by => (column, …)",
        doc: "Frames of a track (or of what `by` names) that are at most max_gap_s apart, as one row: log_id, the columns of `by`, \
            start_ns, end_ns, frames, and with `score` the greatest of its values. Episodes shorter than min_duration_s are left \
            out. With conditions, an episode begins at a frame that fulfils `enter` and goes on over frames that fulfil `stay` or \
            `enter` (hysteresis); all frames do where the condition is not given.",
    },
    tables: 1,
    plan,
};

fn plan(call: &mut Call) -> Result<LogicalPlan> {
    let frames = call.relation("a table of frames")?;
    let schema = Arc::clone(frames.schema());
    let series = call.series(&schema)?;
    let max_gap_s = call.amount("max_gap_s", Some(0.25))?;
    let min_duration_s = call.amount("min_duration_s", Some(0.0))?;
    let (mut given, mut exprs) = ([false; 3], Vec::new());
    for (is_given, name) in given.iter_mut().zip(["enter", "stay", "score"]) {
        if let Some(ast) = call.named(name) {
            *is_given = true;
            exprs.push(call.expression(ast, &schema)?);
        }
    }
    let operator = Arc::new(Episodes {
        series,
        rule: Rule {
            max_gap_ns: nanoseconds(max_gap_s),
            min_duration_ns: nanoseconds(min_duration_s),
        },
        given,
    });
    OperatorNode::plan(operator, vec![frames], exprs)
}

/// When frames are one episode, and when it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    max_gap_ns: i64,
    min_duration_ns: i64,
}

/// The logical side. Expressions are those of enter, stay and score that are given.
#[derive(Debug)]
struct Episodes {
    series: Vec<String>,
    rule: Rule,
    given: [bool; 3],
}

impl Operator for Episodes {
    fn text(&self) -> String {
        let Rule {
            max_gap_ns,
            min_duration_ns,
        } = self.rule;
        let series = self.series.join(", ");
        let given = self.given.iter().zip([" enter", " stay", " score"]);
        let given: String = given
            .filter_map(|(given, name)| given.then_some(name))
            .collect();
        format!(
            "episodes_of by ({series}) gap {max_gap_ns} ns, duration {min_duration_ns} ns{given}"
        )
    }

    fn series(&self, _: usize) -> &[String] {
        &self.series
    }

    fn output(&self, inputs: &[&DFSchema], _: &[Expr]) -> Result<Vec<QualifiedField>> {
        let names = std::iter::once(LOG_ID).chain(self.series.iter().map(String::as_str));
        let mut fields: Vec<QualifiedField> = Vec::new();
        for name in names {
            let index = column(inputs[0], name, FUNCTION.doc.name)?;
            fields.push((None, Arc::clone(inputs[0].field(index))));
        }
        for name in ["start_ns", "end_ns", "frames"] {
            fields.push((None, Arc::new(Field::new(name, DataType::Int64, false))));
        }
        if self.given[2] {
            fields.push((None, Arc::new(Field::new("score", DataType::Float64, true))));
        }
        Ok(fields)
    }

    fn needed(&self, _: &[usize], _: &[&DFSchema]) -> Vec<Vec<usize>> {
        vec![Vec::new()]
    }

    fn filters_pass(&self) -> Vec<String> {
        let log = [LOG_ID.to_owned()].into_iter();
        log.chain(self.series.iter().cloned()).collect()
    }

    fn physical(
        &self,
        keys: &[Key],
        exprs: Vec<Arc<dyn PhysicalExpr>>,
        _: &[SchemaRef],
        schema: SchemaRef,
    ) -> Result<Physical> {
        let mut exprs = exprs.into_iter();
        let [enter, stay, score] = self
            .given
            .map(|given| given.then(|| exprs.next()).flatten());
        Ok(Physical::One(Arc::new(DriveEpisodes {
            text: self.text(),
            key: keys[0].clone(),
            rule: self.rule,
            enter,
            stay,
            score,
            schema,
        })))
    }
}

/// The physical side.
#[derive(Debug)]
struct DriveEpisodes {
    text: String,
    key: Key,
    rule: Rule,
    enter: Option<Arc<dyn PhysicalExpr>>,
    stay: Option<Arc<dyn PhysicalExpr>>,
    score: Option<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
}

impl DriveOperator for DriveEpisodes {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn run(&self, drives: Drives) -> Result<Batches> {
        let rows = &drives.rows;
        let condition = |condition: &Option<Arc<dyn PhysicalExpr>>| match condition {
            Some(condition) => values::flags(condition, rows),
            None => Ok(BooleanBuffer::new_set(rows.num_rows())),
        };
        let frames = Frames {
            stamps: self.key.stamps(rows)?.values(),
            enters: condition(&self.enter)?,
            stays: condition(&self.stay)?,
            scores: self
                .score
                .as_ref()
                .map(|score| values::numbers(score, rows))
                .transpose()?,
        };
        let mut episodes = Vec::new();
        for one in &drives.series {
            frames.episodes(one.clone(), self.rule, &mut episodes);
        }
        let batch = self.batch(rows, &episodes)?;
        Ok(Box::new(std::iter::once(Ok(batch))))
    }
}

impl DriveEpisodes {
    fn batch(&self, rows: &RecordBatch, episodes: &[Found]) -> Result<RecordBatch> {
        let first = UInt32Array::from_iter_values(episodes.iter().map(|found| found.first_row));
        let names = std::iter::once(self.key.log).chain(self.key.series.iter().copied());
        let mut columns: Vec<ArrayRef> = names
            .map(|column| take(rows.column(column), &first, None))
            .collect::<Result<_, _>>()?;
        for read in [
            (|found| found.start_ns) as fn(&Found) -> i64,
            |found| found.end_ns,
            |found| found.frames,
        ] {
            let values = episodes.iter().map(read);
            columns.push(Arc::new(Int64Array::from_iter_values(values)));
        }
        if self.score.is_some() {
            let scores = episodes.iter().map(|found| found.score);
            columns.push(values::column(scores.collect()));
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// An episode.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    first_row: u32,
    start_ns: i64,
    end_ns: i64,
    frames: i64,
    /// NaN where no frame has a score.
    score: f64,
}

/// Frames as the search sees them.
struct Frames<'a> {
    stamps: &'a [i64],
    enters: BooleanBuffer,
    stays: BooleanBuffer,
    scores: Option<Vec<f64>>,
}

impl Frames<'_> {
    /// The episodes of one series.
    fn episodes(&self, rows: std::ops::Range<usize>, rule: Rule, out: &mut Vec<Found>) {
        let mut open: Option<Found> = None;
        let mut close = |ended: Option<Found>| {
            let is_long =
                |found: &Found| found.end_ns.saturating_sub(found.start_ns) >= rule.min_duration_ns;
            out.extend(ended.filter(is_long));
        };
        for row in rows {
            let stamp_ns = self.stamps[row];
            let score = self.scores.as_ref().map_or(f64::NAN, |scores| scores[row]);
            let enters = self.enters.value(row);
            match &mut open {
                Some(found) if stamp_ns.saturating_sub(found.end_ns) <= rule.max_gap_ns => {
                    if enters || self.stays.value(row) {
                        found.end_ns = stamp_ns;
                        found.frames += 1;
                        found.score = found.score.max(score);
                    }
                }
                _ if enters => close(open.replace(Found {
                    first_row: row as u32,
                    start_ns: stamp_ns,
                    end_ns: stamp_ns,
                    frames: 1,
                    score,
                })),
                _ => close(open.take()),
            }
        }
        close(open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames written as a letter each, ten nanoseconds apart: `e` enters, `s` stays, `.` does neither, blank is no frame.
    /// Gives start, end and number of frames.
    fn episodes(text: &str, max_gap_ns: i64, min_duration_ns: i64) -> Vec<(i64, i64, i64)> {
        let frames = text.char_indices().filter(|(_, letter)| *letter != ' ');
        let (at, letters): (Vec<usize>, Vec<char>) = frames.unzip();
        let stamps: Vec<i64> = at.iter().map(|at| 10 * *at as i64).collect();
        let frames = Frames {
            stamps: &stamps,
            enters: letters.iter().map(|letter| *letter == 'e').collect(),
            stays: letters.iter().map(|letter| *letter == 's').collect(),
            scores: Some(at.iter().map(|at| *at as f64).collect()),
        };
        let mut found = Vec::new();
        let rule = Rule {
            max_gap_ns,
            min_duration_ns,
        };
        frames.episodes(0..stamps.len(), rule, &mut found);
        let ends = |found: &Found| (found.start_ns, found.end_ns, found.frames);
        for one in &found {
            assert_eq!(
                one.score * 10.0,
                one.end_ns as f64,
                "the greatest of its frames"
            );
        }
        found.iter().map(ends).collect()
    }

    #[test]
    fn frames_are_one_episode_across_small_gaps() {
        assert_eq!(episodes("eee  ee", 20, 0), [(0, 20, 3), (50, 60, 2)]);
        assert_eq!(episodes("eee  ee", 30, 0), [(0, 60, 5)]);
        assert_eq!(episodes("eee  ee", 20, 20), [(0, 20, 3)]);
        assert_eq!(episodes("e", 20, 0), [(0, 0, 1)]);
        assert_eq!(episodes("e", 20, 1), []);
        assert_eq!(episodes("", 20, 0), []);
    }

    #[test]
    fn an_episode_begins_where_it_is_strong_and_goes_on_where_it_is_weak() {
        assert_eq!(episodes("ssessse", 10, 0), [(20, 60, 5)]);
        assert_eq!(episodes("sses.se", 10, 0), [(20, 30, 2), (60, 60, 1)]);
        assert_eq!(episodes("sses.se", 20, 0), [(20, 60, 4)]);
        assert_eq!(episodes("es...ss", 20, 0), [(0, 10, 2)]);
        assert_eq!(episodes("sssss", 20, 0), []);
    }
}
