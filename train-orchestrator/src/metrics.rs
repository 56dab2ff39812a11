//! The metrics file of a trainer: a JSON object a line. [`crate::line`] reads a line field by field.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::folder::open_regular;
use crate::line::{Line, MetricsLine};

/// Bytes that one look reads: what a trainer that writes too much can cost.
const READ_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of a line: what a line without an end can cost. The rest of a longer one is passed over.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes before the place where the last look ended, by which it is known again whether the file was only appended to.
const SIGNATURE_BYTES: u64 = 64;

/// What could not be used, and how often: names of fields, `a line that is no JSON object`, or `a line that is too long`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unused(BTreeMap<&'static str, u64>);

impl Unused {
    fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// `epoch: 3, loss: 1`; `None` where everything could be used.
    pub(crate) fn text(&self) -> Option<String> {
        let counts = self
            .0
            .iter()
            .map(|(what, count)| format!("{what}: {count}"));
        let text = counts.collect::<Vec<_>>().join(", ");
        (!text.is_empty()).then_some(text)
    }
}

/// Lines of bytes that come in pieces, each line bounded.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    /// Whether the present line is too long, and passed over to its end.
    is_too_long: bool,
}

impl Lines {
    /// Reads a piece, and tells of each line that ends in it.
    fn push(&mut self, mut piece: &[u8], mut tell: impl FnMut(Line)) {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            self.extend(&piece[..end]);
            self.end(&mut tell);
            piece = &piece[end + 1..];
        }
        self.extend(piece);
    }

    fn extend(&mut self, piece: &[u8]) {
        if self.is_too_long || self.rest.len() + piece.len() > LINE_BYTES_MAX {
            self.is_too_long = true;
            self.rest = Vec::new();
        } else {
            self.rest.extend_from_slice(piece);
        }
    }

    fn end(&mut self, tell: &mut impl FnMut(Line)) {
        if std::mem::take(&mut self.is_too_long) {
            tell(Line::TooLong);
        } else {
            let line = Line::parse(&self.rest);
            self.rest.clear();
            line.into_iter().for_each(tell);
        }
    }
}

/// Reads what was appended since the last look. A file that was truncated, replaced or written over is read from its beginning.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    offset: u64,
    lines: Lines,
    known: Option<Known>,
}

/// The file as the last look left it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    file: (u64, u64),
    modified: (i64, i64),
    signature: Vec<u8>,
}

/// What was appended.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Whether anything was written at all: the heartbeat.
    pub(crate) grew: bool,
    /// Whole lines that are JSON objects.
    pub(crate) lines: Vec<MetricsLine>,
    /// What could not be used: its name, and the text.
    pub(crate) unused: Vec<(&'static str, String)>,
}

impl Tail {
    /// From the present end of the file, which need not be there yet.
    pub(crate) fn at_end(path: PathBuf) -> Result<Self> {
        let mut tail = Self {
            path,
            offset: 0,
            lines: Lines::default(),
            known: None,
        };
        if let Some((file, metadata)) = tail.open()? {
            tail.offset = metadata.len();
            tail.known = Some(tail.known(&file, &metadata)?);
        }
        Ok(tail)
    }

    /// # Errors
    /// [`Error::Output`] where the trainer put something else in the place of the file.
    pub(crate) fn news(&mut self) -> Result<News> {
        let Some((mut file, metadata)) = self.open()? else {
            return Ok(News::default());
        };
        let was_rewritten = self.was_rewritten(&file, &metadata)?;
        if was_rewritten {
            self.offset = 0;
            self.lines = Lines::default();
        }
        // No further than the end that was looked at: what is being written is for the next look.
        let left = metadata.len().saturating_sub(self.offset);
        let mut piece = Vec::new();
        let read = file
            .seek(SeekFrom::Start(self.offset))
            .and_then(|_| {
                let mut bounded = (&mut file).take(left.min(READ_BYTES_MAX));
                bounded.read_to_end(&mut piece)
            })
            .map_err(Error::io(&self.path))?;
        self.offset += read as u64;
        self.known = Some(self.known(&file, &metadata)?);
        let mut news = News {
            grew: read > 0 || was_rewritten,
            ..News::default()
        };
        self.lines.push(&piece, |line| match line {
            Line::Object(line, unused) => {
                news.unused.extend(unused);
                news.lines.push(line);
            }
            other => news.unused.extend(other.unused()),
        });
        Ok(news)
    }

    fn open(&self) -> Result<Option<(File, Metadata)>> {
        open_regular(&self.path)
    }

    fn was_rewritten(&self, file: &File, metadata: &Metadata) -> Result<bool> {
        let Some(known) = &self.known else {
            return Ok(false);
        };
        let length = metadata.len();
        if known.file != (metadata.dev(), metadata.ino()) || length < self.offset {
            return Ok(true);
        }
        if length == self.offset {
            return Ok(known.modified != modified(metadata));
        }
        Ok(known.signature != self.signature(file)?)
    }

    fn known(&self, file: &File, metadata: &Metadata) -> Result<Known> {
        Ok(Known {
            file: (metadata.dev(), metadata.ino()),
            modified: modified(metadata),
            signature: self.signature(file)?,
        })
    }

    /// The bytes before the place where this look began or ended.
    fn signature(&self, file: &File) -> Result<Vec<u8>> {
        let start = self.offset.saturating_sub(SIGNATURE_BYTES);
        let mut bytes = vec![0; (self.offset - start) as usize];
        match file.read_exact_at(&mut bytes, start) {
            // It became shorter just now: the next look sees that.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Vec::new()),
            Err(error) => Err(Error::io(&self.path)(error)),
            Ok(()) => Ok(bytes),
        }
    }
}

fn modified(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

/// What a finished trainer says of its model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) step: u64,
    /// Steps that will not be done again.
    pub(crate) checkpoint_step: u64,
    pub(crate) validation_loss: Option<f64>,
    pub(crate) device: Option<String>,
    /// What could not be used of the metrics.
    pub(crate) unused: Unused,
}

impl Summary {
    /// Reads the whole file: the last line that says `end` counts, else the last value of each field. Where the trainer put
    /// something else in the place of the file, it says nothing.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut summary = Self::default();
        let mut file = match open_regular(path) {
            Ok(Some((file, _))) => file,
            Ok(None) | Err(Error::Output { .. }) => return Ok(summary),
            Err(error) => return Err(error),
        };
        let mut lines = Lines::default();
        let mut piece = vec![0; READ_BYTES_MAX as usize];
        loop {
            let read = file.read(&mut piece).map_err(Error::io(path))?;
            if read == 0 {
                break;
            }
            lines.push(&piece[..read], |line| summary.add(line));
        }
        // The last line may have no end.
        lines.push(b"\n", |line| summary.add(line));
        Ok(summary)
    }

    fn add(&mut self, line: Line) {
        let line = match line {
            Line::Object(line, unused) => {
                unused.iter().for_each(|(field, _)| self.unused.add(field));
                line
            }
            other => {
                other
                    .unused()
                    .iter()
                    .for_each(|(what, _)| self.unused.add(what));
                return;
            }
        };
        if line.is("end") {
            self.validation_loss = line.validation_loss;
        }
        if let (true, Some(step)) = (line.is("checkpoint"), line.step) {
            self.checkpoint_step = step;
        }
        self.step = line.best_step.or(line.step).unwrap_or(self.step);
        self.validation_loss = line.validation_loss.or(self.validation_loss);
        self.device = line.device.or(self.device.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn torn_and_foreign_lines_are_passed_over_and_counted() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("metrics");
        let mut tail = Tail::at_end(path.clone()).unwrap();
        assert!(!tail.news().unwrap().grew);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"step\": 1}\nnonsense\n{\"st").unwrap();
        let news = tail.news().unwrap();
        assert_eq!((news.grew, news.lines.len()), (true, 1));
        let unused = [("a line that is no JSON object", "nonsense".to_owned())];
        assert_eq!(news.unused, unused);
        file.write_all(b"ep\": 2, \"event\": \"checkpoint\"}\n")
            .unwrap();
        let news = tail.news().unwrap();
        assert!(news.lines[0].is("checkpoint") && news.lines[0].step == Some(2));
        assert!(!tail.news().unwrap().grew);
        let summary = Summary::read(&path).unwrap();
        assert_eq!(summary.step, 2);
        let text = summary.unused.text();
        assert_eq!(text.as_deref(), Some("a line that is no JSON object: 1"));
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

    fn line(step: u64) -> String {
        format!("{{\"step\": {step:>80}}}\n")
    }

    fn steps(tail: &mut Tail) -> Vec<u64> {
        let lines = tail.news().unwrap().lines;
        lines.iter().filter_map(|line| line.step).collect()
    }

    /// A trainer that opens its file anew each time, in each of the ways there are.
    #[test]
    fn a_file_that_is_written_anew_is_read_from_its_beginning() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("metrics");
        std::fs::write(&path, line(1) + &line(2)).unwrap();
        let mut tail = Tail::at_end(path.clone()).unwrap();
        assert!(steps(&mut tail).is_empty());
        let anew = |text: String| {
            // The clock of a file system goes by a few milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::write(&path, text).unwrap();
        };
        anew(line(3));
        assert_eq!(steps(&mut tail), [3], "shorter");
        anew(line(4));
        assert_eq!(steps(&mut tail), [4], "as long as before");
        anew(line(5) + &line(6));
        assert_eq!(steps(&mut tail), [5, 6], "longer");
        let other = root.path().join("other");
        std::fs::write(&other, line(5) + &line(6) + &line(7)).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(steps(&mut tail), [5, 6, 7], "another file");
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(line(8).as_bytes()).unwrap();
        assert_eq!(steps(&mut tail), [8], "appended");
        assert!(!tail.news().unwrap().grew);
        std::fs::remove_file(&path).unwrap();
        assert!(!tail.news().unwrap().grew);
        anew(line(9));
        assert_eq!(steps(&mut tail), [9], "removed and made anew");
    }

    #[test]
    fn a_line_without_an_end_costs_no_more_than_its_bound() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("metrics");
        let mut file = File::create(&path).unwrap();
        let mut tail = Tail::at_end(path.clone()).unwrap();
        for _ in 0..5 {
            file.write_all(&vec![b' '; 1 << 20]).unwrap();
            assert!(tail.news().unwrap().grew, "it is a sign of life");
            assert!(tail.lines.rest.capacity() <= 2 * LINE_BYTES_MAX);
        }
        file.write_all(b"\n{\"step\": 3}\n").unwrap();
        let news = tail.news().unwrap();
        assert_eq!(news.lines[0].step, Some(3));
        assert_eq!(news.unused[0].0, "a line that is too long");
        let summary = Summary::read(&path).unwrap();
        assert_eq!(summary.step, 3);
        let text = summary.unused.text();
        assert_eq!(text.as_deref(), Some("a line that is too long: 1"));
    }
}
