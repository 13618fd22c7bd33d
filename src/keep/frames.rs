//! Stores a kept file as a sequence of zstd frames in one file, each described by its position and hash.
//!
//! A frame counts once its description is saved, which happens after its bytes are on disk. The next frame
//! overwrites bytes that a crashed process left after the described frames.

use super::dictionary::Dictionary;
use super::stored::KeptFrame;
use crate::store::stored::sha256_hex;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Cursor, Error, ErrorKind, Read, Write};

/// Frame size of a complete file, in bytes. Large, because text repeats over the whole session.
pub const PACKED: usize = 4 * 1024 * 1024;
/// Maximum frame size when a hook appends, in bytes.
pub const APPENDED: usize = 256 * 1024;
/// Compression levels for complete files and for frames that a hook appends.
pub const PACKED_LEVEL: i32 = 15;
pub const APPENDED_LEVEL: i32 = 7;

/// Parameters for compressing bytes into frames.
#[derive(Debug, Clone, Copy)]
pub struct FrameForm<'d> {
    /// Maximum number of bytes in one frame.
    pub size: usize,
    pub level: i32,
    pub dictionary: &'d Dictionary,
}

/// Compresses everything that `from` yields. `offset` is the position of its first byte in the file.
///
/// # Errors
///
/// Returns the errors of reading, compressing and writing. Bytes written before the error are not frames
/// until they are described.
pub fn write_frames(
    from: &mut dyn Read,
    to: &mut dyn Write,
    mut offset: u64,
    form: FrameForm<'_>,
) -> std::io::Result<Vec<KeptFrame>> {
    let mut compressor = zstd::bulk::Compressor::with_dictionary(form.level, form.dictionary.bytes())?;
    let mut frames = Vec::new();
    let mut raw = Vec::new();
    loop {
        raw.clear();
        let count = Read::take(&mut *from, form.size as u64).read_to_end(&mut raw)?;
        if count == 0 {
            return Ok(frames);
        }
        let stored = compressor.compress(&raw)?;
        to.write_all(&stored)?;
        frames.push(KeptFrame {
            offset,
            length: count as u64,
            stored: stored.len() as u64,
            sha256: sha256_hex(&raw),
        });
        offset += count as u64;
    }
}

/// Decompresses frames. A frame that does not match its description is an error, never silently shorter text.
pub struct FrameReader {
    file: File,
    frames: VecDeque<KeptFrame>,
    decompressor: zstd::bulk::Decompressor<'static>,
    ready: Cursor<Vec<u8>>,
}

impl FrameReader {
    /// Creates a reader for the described frames of a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the decompressor cannot be created.
    pub fn new(file: File, frames: &[KeptFrame], dictionary: &Dictionary) -> std::io::Result<Self> {
        Ok(Self {
            file,
            frames: frames.iter().cloned().collect(),
            decompressor: zstd::bulk::Decompressor::with_dictionary(dictionary.bytes())?,
            ready: Cursor::default(),
        })
    }

    fn next_frame(&mut self) -> std::io::Result<bool> {
        let Some(frame) = self.frames.pop_front() else { return Ok(false) };
        let damaged =
            |why: &str| Error::new(ErrorKind::InvalidData, format!("a frame at byte {} {why}", frame.offset));
        let capacity = usize::try_from(frame.length)
            .ok()
            .filter(|length| *length <= PACKED)
            .ok_or_else(|| damaged("declares a size larger than any frame"))?;
        let mut stored = Vec::new();
        Read::by_ref(&mut self.file).take(frame.stored).read_to_end(&mut stored)?;
        let raw =
            self.decompressor.decompress(&stored, capacity).map_err(|_| damaged("cannot be decompressed"))?;
        if raw.len() as u64 != frame.length || sha256_hex(&raw) != frame.sha256 {
            return Err(damaged("differs from the bytes that were kept"));
        }
        self.ready = Cursor::new(raw);
        Ok(true)
    }
}

impl Read for FrameReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let count = self.ready.read(buffer)?;
            if count > 0 || buffer.is_empty() || !self.next_frame()? {
                return Ok(count);
            }
        }
    }
}

/// Reconstructs the list of frames from the frames themselves, for a file whose description is lost. A torn
/// frame at the end is ignored.
#[must_use]
pub fn frames_in(stored: &[u8], dictionary: &Dictionary) -> Vec<KeptFrame> {
    let mut frames = Vec::new();
    let (mut at, mut offset) = (0, 0);
    let Ok(mut decompressor) = zstd::bulk::Decompressor::with_dictionary(dictionary.bytes()) else {
        return frames;
    };
    while let Ok(length) = zstd::zstd_safe::find_frame_compressed_size(&stored[at..])
        && let Some(frame) = stored.get(at..at + length).filter(|frame| !frame.is_empty())
        && let Ok(raw) = decompressor.decompress(frame, PACKED)
    {
        let (bytes, stored) = (raw.len() as u64, length as u64);
        frames.push(KeptFrame { offset, length: bytes, stored, sha256: sha256_hex(&raw) });
        at += length;
        offset += bytes;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Seek;

    fn text() -> Vec<u8> {
        (0..20_000).flat_map(|line| format!("{{\"type\":\"user\",\"n\":{line}}}\n").into_bytes()).collect()
    }

    fn frames_of(text: &[u8], size: usize) -> (File, Vec<KeptFrame>) {
        let mut file = tempfile::tempfile().unwrap();
        let form = FrameForm { size, level: APPENDED_LEVEL, dictionary: &Dictionary::built_in() };
        let frames = write_frames(&mut &text[..], &mut file, 0, form).unwrap();
        file.rewind().unwrap();
        (file, frames)
    }

    #[test]
    fn frames_are_read_back_and_found_again_without_their_description() {
        let text = text();
        for size in [1, 1000, 4096, text.len() - 1, text.len(), PACKED].into_iter().filter(|size| *size > 1) {
            let (mut file, frames) = frames_of(&text, size);
            assert_eq!(frames.len(), text.len().div_ceil(size));
            let mut stored = Vec::new();
            file.read_to_end(&mut stored).unwrap();
            assert_eq!(frames_in(&stored, &Dictionary::built_in()), frames);
            assert_eq!(
                frames_in(&stored[..stored.len() - 1], &Dictionary::built_in()).len(),
                frames.len() - 1
            );
            file.rewind().unwrap();
            let mut back = Vec::new();
            FrameReader::new(file, &frames, &Dictionary::built_in()).unwrap().read_to_end(&mut back).unwrap();
            assert!(back == text);
        }
    }

    #[test]
    fn every_changed_byte_of_a_frame_is_detected() {
        let text = text();
        let (mut file, frames) = frames_of(&text[..2000], 1000);
        let mut stored = Vec::new();
        file.read_to_end(&mut stored).unwrap();
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 0x10;
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&changed).unwrap();
            file.rewind().unwrap();
            let mut back = Vec::new();
            let read =
                FrameReader::new(file, &frames, &Dictionary::built_in()).unwrap().read_to_end(&mut back);
            assert!(read.is_err() || back == text[..2000], "byte {at}");
        }
    }
}
