//! The log of a process: what it writes goes through a pipe into a file of which the middle is cut.
//!
//! The beginning of the output and its end are kept, with a line between them that says how much was cut. A process is never made
//! to wait because the disk is full: what cannot be written is counted, and passed over.

use std::fs::{File, OpenOptions};
use std::io::{PipeReader, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::options::Limits;

/// Bytes that are read at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes of the line that says what was cut, whatever it says.
const CUT_BYTES: usize = 64;
/// How long is waited for the end of the output of a process that is dead: somebody else may have its pipe.
const DRAIN_LOOKS_MAX: u32 = 400;
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(5);

/// Copies the output of a process into its log, on a thread of its own, until all who could write have ended.
#[derive(Debug)]
pub(crate) struct Copier {
    thread: JoinHandle<()>,
}

impl Copier {
    pub(crate) fn start(mut output: PipeReader, mut log: Log) -> Self {
        let thread = std::thread::spawn(move || {
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                match output.read(&mut piece) {
                    Ok(0) => break,
                    Ok(read) => log.write(&piece[..read]),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            log.end();
        });
        Self { thread }
    }

    /// Waits until the log is whole.
    pub(crate) async fn drained(&self) {
        for _ in 0..DRAIN_LOOKS_MAX {
            if self.thread.is_finished() {
                return;
            }
            tokio::time::sleep(DRAIN_LOOK_EVERY).await;
        }
    }
}

/// A log file. At most head, tail twice, and the line between them are on the disk.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    head: u64,
    tail: u64,
    size: u64,
    cut: u64,
    unwritten: u64,
    error: String,
}

impl Log {
    /// Makes the file, or empties it.
    pub(crate) fn create(path: &Path, limits: &Limits) -> Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true);
        // Neither into what a link leads to, nor into a pipe that nobody reads.
        let options = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(path).map_err(Error::io(path))?;
        Ok(Self {
            file,
            head: limits.log_head_bytes,
            tail: limits.log_tail_bytes.max(1),
            size: 0,
            cut: 0,
            unwritten: 0,
            error: String::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) {
        let piece_bytes = usize::try_from(self.tail).unwrap_or(usize::MAX);
        for piece in bytes.chunks(piece_bytes) {
            match self.file.write_all_at(piece, self.size) {
                Ok(()) => self.size += piece.len() as u64,
                Err(error) => self.not_written(piece.len() as u64, &error),
            }
            if self.size > self.head + CUT_BYTES as u64 + 2 * self.tail {
                self.cut();
            }
        }
    }

    fn end(mut self) {
        let kept = self.head + self.tail;
        let between = if self.cut > 0 { CUT_BYTES as u64 } else { 0 };
        if self.size > kept + between {
            self.cut();
        }
        if self.unwritten > 0 {
            let (bytes, error) = (self.unwritten, &self.error);
            let text = format!("\n[driveloop: {bytes} bytes could not be written: {error}]\n");
            // The disk may still be full; there is nobody to be told.
            let _ = self.file.write_all_at(text.as_bytes(), self.size);
        }
    }

    /// Keeps the head and the tail.
    fn cut(&mut self) {
        let body = self.head + if self.cut > 0 { CUT_BYTES as u64 } else { 0 };
        let from = self.size - self.tail;
        let mut tail = vec![0; self.tail as usize];
        let cut = self.cut + (from - body);
        let mut between = format!("\n[driveloop: {cut} bytes were cut here").into_bytes();
        between.resize(CUT_BYTES - 2, b' ');
        between.extend_from_slice(b"]\n");
        let done = self
            .file
            .read_exact_at(&mut tail, from)
            .and_then(|()| self.file.write_all_at(&between, self.head))
            .and_then(|()| self.file.write_all_at(&tail, self.head + CUT_BYTES as u64))
            .and_then(|()| self.file.set_len(self.head + CUT_BYTES as u64 + self.tail));
        match done {
            Ok(()) => {
                self.cut = cut;
                self.size = self.head + CUT_BYTES as u64 + self.tail;
            }
            // What was written last is written over, so that the file grows no further.
            Err(error) => {
                let last = self.size - (self.head + CUT_BYTES as u64 + self.tail);
                self.size -= last;
                self.not_written(last, &error);
            }
        }
    }

    fn not_written(&mut self, bytes: u64, error: &std::io::Error) {
        self.unwritten += bytes;
        self.error = error.to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log of an output that comes in pieces.
    fn log(output: &[u8], piece: usize, head: u64, tail: u64) -> Vec<u8> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("log");
        let limits = Limits {
            log_head_bytes: head,
            log_tail_bytes: tail,
            ..Limits::default()
        };
        let mut log = Log::create(&path, &limits).unwrap();
        for piece in output.chunks(piece) {
            log.write(piece);
            let bytes = std::fs::metadata(&path).unwrap().len();
            assert!(bytes <= head + 3 * tail + CUT_BYTES as u64, "{bytes}");
        }
        log.end();
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn head_and_tail_are_kept_and_what_was_cut_is_said() {
        let output: Vec<u8> = (0..100_000_u32).map(|n| b'a' + (n % 23) as u8).collect();
        for piece in [1, 7, 64, 1000, 100_000] {
            for (head, tail) in [(10, 30), (0, 1), (100, 64), (1, 3000)] {
                for bytes in [0, 1, 10, 40, 41, 164, 165, 170, 3001, 3002, 20_000] {
                    let output = &output[..bytes];
                    let log = log(output, piece, head, tail);
                    let kept = (head + tail) as usize;
                    if bytes <= kept {
                        assert_eq!(log, output, "{piece} {head} {tail} {bytes}");
                        continue;
                    }
                    let (head, rest) = log.split_at(head as usize);
                    let (between, rest) = rest.split_at(CUT_BYTES);
                    assert_eq!(head, &output[..head.len()]);
                    assert_eq!(rest, &output[bytes - tail as usize..]);
                    let between = std::str::from_utf8(between).unwrap();
                    let expected = format!("\n[driveloop: {} bytes were cut here", bytes - kept);
                    assert!(
                        between.starts_with(&expected),
                        "{between}, expected {expected}"
                    );
                    assert!(between.ends_with("]\n"));
                }
            }
        }
    }

    #[test]
    fn a_full_disk_makes_nobody_wait_and_is_said() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut log = Log {
            file,
            head: 10,
            tail: 10,
            size: 0,
            cut: 0,
            unwritten: 0,
            error: String::new(),
        };
        log.write(&[b'x'; 1000]);
        assert_eq!((log.size, log.unwritten), (0, 1000));
        assert!(log.error.contains("No space left"), "{}", log.error);
        log.end();
    }
}
