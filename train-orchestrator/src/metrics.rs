//! The metrics file of a trainer: a JSON object a line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};

/// Bytes that one look reads: what a trainer that writes too much can cost.
const READ_BYTES_MAX: u64 = 1024 * 1024;

/// One line. Each field may be absent; others are passed over.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MetricsLine {
    /// `start`, `step`, `validation`, `checkpoint`, `end`, or another word.
    pub event: Option<String>,
    /// Steps behind it.
    pub step: Option<u64>,
    /// Passes over the training split behind it.
    pub epoch: Option<u64>,
    /// Steps behind the model that was kept.
    pub best_step: Option<u64>,
    /// Loss on the training split.
    pub loss: Option<f64>,
    /// Loss on the validation split.
    pub validation_loss: Option<f64>,
    /// Samples trained on in a second.
    pub samples_per_s: Option<f64>,
    /// Device that computes.
    pub device: Option<String>,
}

impl MetricsLine {
    fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    pub(crate) fn is(&self, event: &str) -> bool {
        self.event.as_deref() == Some(event)
    }
}

/// Reads what was appended since the last look.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
}

/// What was appended.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Whether the file grew at all: the heartbeat.
    pub(crate) grew: bool,
    /// Whole lines that are JSON objects.
    pub(crate) lines: Vec<MetricsLine>,
}

impl Tail {
    /// From the present end of the file, which need not be there yet.
    pub(crate) fn at_end(path: PathBuf) -> Self {
        let offset = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        Self {
            path,
            offset,
            rest: Vec::new(),
        }
    }

    pub(crate) fn news(&mut self) -> Result<News> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(News::default());
            }
            Err(error) => return Err(Error::io(&self.path)(error)),
        };
        let read = file
            .seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.take(READ_BYTES_MAX).read_to_end(&mut self.rest))
            .map_err(Error::io(&self.path))?;
        self.offset += read as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            if self.rest.len() as u64 > READ_BYTES_MAX {
                self.rest.clear();
            }
            return Ok(News {
                grew: read > 0,
                lines: Vec::new(),
            });
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let lines = whole
            .split(|byte| *byte == b'\n')
            .filter_map(MetricsLine::parse)
            .collect();
        Ok(News {
            grew: read > 0,
            lines,
        })
    }
}

/// What a finished trainer says of its model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) step: u64,
    /// Steps that will not be done again.
    pub(crate) checkpoint_step: u64,
    pub(crate) validation_loss: Option<f64>,
    pub(crate) device: Option<String>,
}

impl Summary {
    /// Reads the whole file: the last line that says `end` counts, else the last value of each field.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::io(path)(error)),
        };
        let mut summary = Self::default();
        for line in BufReader::new(file).split(b'\n') {
            let Some(line) = MetricsLine::parse(&line.map_err(Error::io(path))?) else {
                continue;
            };
            if line.is("end") {
                summary.validation_loss = line.validation_loss;
            }
            if let (true, Some(step)) = (line.is("checkpoint"), line.step) {
                summary.checkpoint_step = step;
            }
            summary.step = line.best_step.or(line.step).unwrap_or(summary.step);
            summary.validation_loss = line.validation_loss.or(summary.validation_loss);
            summary.device = line.device.or(summary.device);
        }
        Ok(summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn torn_and_foreign_lines_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("metrics");
        let mut tail = Tail::at_end(path.clone());
        assert!(!tail.news().unwrap().grew);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"step\": 1}\nnonsense\n{\"st").unwrap();
        let news = tail.news().unwrap();
        assert_eq!((news.grew, news.lines.len()), (true, 1));
        file.write_all(b"ep\": 2, \"event\": \"checkpoint\"}\n")
            .unwrap();
        let news = tail.news().unwrap();
        assert!(news.lines[0].is("checkpoint") && news.lines[0].step == Some(2));
        assert!(!tail.news().unwrap().grew);
        assert_eq!(Summary::read(&path).unwrap().step, 2);
    }

    #[test]
    fn the_end_says_what_was_kept() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("metrics");
        let text = r#"{"event":"start","device":"cpu"}
{"event":"validation","step":9,"validation_loss":0.5}
{"event":"end","step":9,"best_step":4,"validation_loss":null}"#;
        std::fs::write(&path, text).unwrap();
        let expected = Summary {
            step: 4,
            validation_loss: None,
            device: Some("cpu".into()),
            ..Summary::default()
        };
        assert_eq!(Summary::read(&path).unwrap(), expected);
        assert_eq!(
            Summary::read(&root.path().join("absent")).unwrap(),
            Summary::default()
        );
    }
}
