//! Objects on the local disk that are written once, and read much later if at all.
//!
//! The system keeps what is written in its cache until memory is short. For media that is memory taken from everything else, and to
//! find it costs more than all the rest of the writing: on a virtual machine, which has to ask its host for it, eight times as much.
//! So the cache is told, part by part, that the bytes can leave once they are on the disk. Nothing waits for the disk.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use tokio::task::spawn_blocking;

/// An upload to a file: under another name, until it is complete.
#[derive(Debug)]
pub(crate) struct LocalUpload {
    file: Arc<File>,
    staged: PathBuf,
    path: PathBuf,
    /// Where the next part begins.
    offset: u64,
}

impl LocalUpload {
    /// Begins an upload, in place of a file that is there.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let mut staged = path.clone().into_os_string();
        // Listings leave out names with a number after this sign.
        staged.push(format!("#{}", uuid::Uuid::new_v4().as_u128()));
        let staged = PathBuf::from(staged);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        Ok(Self {
            file: Arc::new(File::create_new(&staged).map_err(failed)?),
            staged,
            path,
            offset: 0,
        })
    }
}

#[async_trait]
impl MultipartUpload for LocalUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (file, offset) = (Arc::clone(&self.file), self.offset);
        self.offset += data.content_length() as u64;
        let written = spawn_blocking(move || write(&file, &data, offset));
        Box::pin(async move { written.await?.map_err(failed) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        fs::rename(&self.staged, &self.path).map_err(failed)?;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn abort(&mut self) -> Result<()> {
        fs::remove_file(&self.staged).map_err(failed)
    }
}

/// What was not completed leaves nothing behind.
impl Drop for LocalUpload {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.staged);
    }
}

fn write(file: &File, data: &PutPayload, mut offset: u64) -> io::Result<()> {
    for bytes in data {
        file.write_all_at(bytes, offset)?;
        offset += bytes.len() as u64;
    }
    leave_cache(file);
    Ok(())
}

/// Begins to write what is in the cache of a file to the disk, and drops what is there already.
#[cfg(target_os = "linux")]
fn leave_cache(file: &File) {
    // It is advice: what the system makes of it changes no byte.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn leave_cache(_: &File) {}

fn failed(error: io::Error) -> Error {
    Error::Generic {
        store: "LocalUpload",
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drive/front.pack");
        let names = || fs::read_dir(path.parent().unwrap()).unwrap().count();
        for contents in [[1, 2, 3], [4, 5, 6]] {
            let mut upload = LocalUpload::create(path.clone()).unwrap();
            // The parts may be written in any order.
            let parts = contents.map(|byte| upload.put_part(vec![byte; 1000].into()));
            for part in parts.into_iter().rev() {
                part.await.unwrap();
            }
            upload.complete().await.unwrap();
            drop(upload);
            let expected = contents.map(|byte| [byte; 1000]).concat();
            assert_eq!(fs::read(&path).unwrap(), expected);
        }
        for is_aborted in [true, false] {
            let mut upload = LocalUpload::create(path.clone()).unwrap();
            upload.put_part(vec![7; 10].into()).await.unwrap();
            assert_eq!(names(), 2);
            if is_aborted {
                upload.abort().await.unwrap();
            }
            drop(upload);
            assert_eq!(names(), 1);
        }
        assert_eq!(fs::read(&path).unwrap().len(), 3000);
    }
}
