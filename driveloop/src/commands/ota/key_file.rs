//! Files of keys. What a private key holds is never shown, and its file must be its owner's alone.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use driveloop_ota_validation::{PrivateKey, PublicKey};

/// Bytes of a key file: a key has a few hundred.
const KEY_BYTES_MAX: u64 = 64 << 10;

/// Reads a private key from a file that nobody but its owner can read.
pub(super) fn read_private(path: &Path) -> Result<PrivateKey> {
    let file = File::open(path)
        .with_context(|| format!("cannot read the private key `{}`", path.display()))?;
    refuse_shared(path, &file)?;
    let pem = read_text(file).with_context(|| format!("private key `{}`", path.display()))?;
    PrivateKey::from_pem(&pem).with_context(|| format!("`{}`", path.display()))
}

/// Reads a public key.
pub(super) fn read_public(path: &Path) -> Result<PublicKey> {
    let file = File::open(path)
        .with_context(|| format!("cannot read the public key `{}`", path.display()))?;
    let pem = read_text(file).with_context(|| format!("public key `{}`", path.display()))?;
    PublicKey::from_pem(&pem).with_context(|| format!("`{}`", path.display()))
}

/// Writes a pair: the private key to the path, for its owner alone, the public one beside it. Neither may be there.
pub(super) fn write_pair(path: &Path, key: &PrivateKey) -> Result<PathBuf> {
    let public_path = path.with_added_extension("pub");
    ensure!(
        !public_path.exists(),
        "`{}` is there already",
        public_path.display()
    );
    write_new(path, key.to_pem()?.as_bytes(), 0o600)?;
    write_new(&public_path, key.public().to_pem()?.as_bytes(), 0o644)?;
    Ok(public_path)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let write = || {
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Bits of a mode that are for the group and for others.
#[cfg(unix)]
const PRIVATE_BITS: u32 = 6;

/// Asks the open file and not its name, which may have come to mean another file meanwhile.
fn refuse_shared(path: &Path, file: &File) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata()?.permissions().mode();
        ensure!(
            mode.trailing_zeros() >= PRIVATE_BITS,
            "the private key `{0}` can be read or written by others (mode {1:03o}): `chmod 600 {0}`, and make a new one \
             if somebody may have read it",
            path.display(),
            mode & 0o777
        );
    }
    #[cfg(not(unix))]
    let _ = (path, file);
    Ok(())
}

fn read_text(file: File) -> Result<String> {
    let mut text = String::new();
    file.take(KEY_BYTES_MAX + 1).read_to_string(&mut text)?;
    ensure!(
        text.len() as u64 <= KEY_BYTES_MAX,
        "expected a key of at most {KEY_BYTES_MAX} bytes, got more"
    );
    Ok(text)
}
