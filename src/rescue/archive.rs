//! Packs an export into an archive, a single `tar` file that begins with the manifest. Any `tar` can unpack
//! it.

use super::manifest::{self, Manifest, SUMS};
use crate::abort::AbortFlag;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE, open_regular, private_file};
use crate::store::layout::ensure_dir;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

/// Size of the read buffers, in bytes.
const BLOCK: usize = 256 * 1024;
/// Size limit for the manifest and the list of hashes, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Packs a finished export into a new file, syncs it to disk, and compares it with the export.
///
/// # Errors
///
/// Returns [`Code::Io`]; [`Code::VerificationFailed`] if the archive differs from the export.
pub fn write(export: &Path, name: &str, manifest: &Manifest, to: &Path, abort: &AbortFlag) -> Result<()> {
    let mut paths = vec![manifest::FILE_NAME.to_owned()];
    if export.join(SUMS).exists() {
        paths.push(SUMS.to_owned());
    }
    paths.extend(manifest.files.iter().map(|entry| entry.path.clone()));
    let mut archive = tar::Builder::new(BufWriter::with_capacity(BLOCK, create(to)?));
    for path in &paths {
        abort.check()?;
        let source = open_regular(&export.join(path))?;
        let meta = source.metadata().doing("read", export)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(meta.len());
        header.set_mode(PRIVATE);
        header.set_entry_type(tar::EntryType::Regular);
        let at = meta.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        header.set_mtime(at.map_or(0, |at| at.as_secs()));
        archive
            .append_data(&mut header, format!("{name}/{path}"), BufReader::with_capacity(BLOCK, source))
            .doing("write the archive", to)?;
    }
    let mut writer = archive.into_inner().doing("write the archive", to)?;
    writer.flush().doing("write the archive", to)?;
    writer.get_ref().sync_all().doing("write the archive", to)?;
    drop(writer);
    compare(export, name, &paths, to, abort)
}

/// Compares the archive with its export, byte for byte.
fn compare(export: &Path, name: &str, paths: &[String], packed: &Path, abort: &AbortFlag) -> Result<()> {
    let wrong = || {
        Error::new(Code::VerificationFailed, "the archive differs from the export it was made from")
            .at(packed)
    };
    let mut archive = tar::Archive::new(BufReader::with_capacity(BLOCK, open_regular(packed)?));
    let mut left = paths.iter();
    for entry in archive.entries().doing("read the archive", packed)? {
        abort.check()?;
        let mut entry = entry.doing("read the archive", packed)?;
        let Some(path) = left.next() else { return Err(wrong()) };
        if entry.path().doing("read the archive", packed)?.to_str() != Some(&format!("{name}/{path}")) {
            return Err(wrong());
        }
        let mut original = open_regular(&export.join(path))?;
        if !same(&mut entry, &mut original).doing("read the archive", packed)? {
            return Err(wrong());
        }
    }
    if left.next().is_none() { Ok(()) } else { Err(wrong()) }
}

fn same(one: &mut impl Read, other: &mut impl Read) -> std::io::Result<bool> {
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let count = crate::fs::read_once(one, &mut left)?;
        if count == 0 {
            return Ok(crate::fs::read_once(other, &mut right[..1])? == 0);
        }
        match other.read_exact(&mut right[..count]) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            other => other?,
        }
        if left[..count] != right[..count] {
            return Ok(false);
        }
    }
}

/// Unpacks an archive into an empty directory. Accepts only regular files that the manifest names, and
/// rejects a file that is longer than the manifest states.
///
/// # Errors
///
/// Returns [`Code::VerificationFailed`] if the file is not an archive of an export, [`Code::PathRefused`] if
/// an entry names a path outside the directory, or [`Code::Io`] if a file cannot be read or written.
pub fn unpack(packed: &Path, to: &Path, abort: &AbortFlag) -> Result<Manifest> {
    let bad = |why: &str| {
        Error::new(Code::VerificationFailed, format!("is not an archive made by `export`: {why}"))
            .at(packed)
            .hint("name the directory or the archive that `export` has made")
    };
    let mut archive = tar::Archive::new(BufReader::with_capacity(BLOCK, open_regular(packed)?));
    let mut manifest: Option<Manifest> = None;
    let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
    for entry in archive.entries().map_err(|_| bad("it cannot be read"))? {
        abort.check()?;
        let mut entry = entry.map_err(|_| bad("it is damaged"))?;
        let whole = entry.path().map_err(|_| bad("a name in it cannot be read"))?.into_owned();
        let path = whole.to_str().and_then(|path| path.split_once('/')).map(|(_, path)| path.to_owned());
        let Some(path) = path else {
            // Other programs also pack the directory entry itself.
            continue;
        };
        if entry.header().entry_type().is_dir() || path.is_empty() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(bad("it contains something other than regular files"));
        }
        if path == manifest::FILE_NAME && manifest.is_none() {
            extract(&mut entry, LARGEST, &to.join(&path))?;
            let read = Manifest::read(to)?;
            wanted = read.files.iter().map(|file| (file.path.clone(), file.bytes)).collect();
            crate::store::snapshot::ensure_room(to, read.bytes())?;
            manifest = Some(read);
        } else if path == SUMS {
            // The list is for `sha256sum` and the like; the manifest has the same hashes.
        } else if let Some(bytes) = wanted.remove(&path) {
            let target = to.join(&path);
            if let Some(parent) = target.parent() {
                ensure_dir(parent)?;
            }
            extract(&mut entry, bytes, &target)?;
        } else if manifest.is_none() {
            return Err(bad("its manifest does not come first"));
        } else {
            return Err(bad(&format!(
                "it contains {path:?}, which its manifest does not name, or contains it twice"
            )));
        }
    }
    manifest.ok_or_else(|| bad("it has no manifest"))
}

/// Extracts at most `limit` + 1 bytes, so that the hash check catches an entry that is too long.
fn extract(entry: &mut impl Read, limit: u64, to: &Path) -> Result<()> {
    let mut file = create(to)?;
    std::io::copy(&mut entry.take(limit.saturating_add(1)), &mut file).doing("unpack", to)?;
    Ok(())
}

fn create(path: &Path) -> Result<File> {
    let mut options = private_file();
    options.write(true).create_new(true);
    options.open(path).doing("create", path)
}
