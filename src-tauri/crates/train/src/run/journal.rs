//! What happened, line by line.
//!
//! A line is one JSON object: the format's version, the attempt, a sequence number that never repeats, a CRC-32, and the event. What a crash
//! leaves half written at the end is dropped. A resume opens a new attempt, whose first line says after which event it goes on: what
//! came later is superseded, and stays in the file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Result, TrainError};

const VERSION: u32 = 1;
/// Longest line read, in bytes.
const LINE_BYTES: u64 = 4 << 20;

#[derive(Serialize, Deserialize)]
struct Line {
    version: u32,
    attempt: u32,
    sequence: u64,
    crc32: u32,
    /// Opens an attempt: the last event it builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resumes_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
}

impl Line {
    /// The checksum of everything else.
    fn checksum(&self) -> u32 {
        let mut hash = crc32fast::Hasher::new();
        hash.update(&self.version.to_le_bytes());
        hash.update(&self.attempt.to_le_bytes());
        hash.update(&self.sequence.to_le_bytes());
        if let Some(after) = self.resumes_after {
            hash.update(&after.to_le_bytes());
        }
        if let Some(event) = &self.event {
            hash.update(event.get().as_bytes());
        }
        hash.finalize()
    }
}

/// An event with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<E> {
    /// The attempt, from 1.
    pub attempt: u32,
    /// The number of the line, from 1.
    pub sequence: u64,
    /// What happened.
    pub event: E,
}

/// A journal read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History<E> {
    /// The events that count, oldest first.
    pub entries: Vec<Entry<E>>,
    /// How many events were superseded by later attempts.
    pub superseded: u64,
    /// The newest attempt; 0 where nothing was written.
    pub attempt: u32,
    /// The last sequence number; 0 where nothing was written.
    pub sequence: u64,
    /// Bytes of whole lines.
    pub whole_bytes: u64,
    /// Bytes behind them, half written.
    pub torn_bytes: u64,
}

/// A journal being written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    attempt: u32,
    sequence: u64,
    length: u64,
}

impl Journal {
    /// Begins a journal with attempt 1. There must be none.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        Ok(Self {
            path: path.to_path_buf(),
            file: file.map_err(|error| TrainError::file(path, error))?,
            attempt: 1,
            sequence: 0,
            length: 0,
        })
    }

    /// Goes on with a journal as a new attempt that builds on everything up to the event `after` (0: on nothing). A torn tail is cut off.
    ///
    /// # Errors
    /// [`TrainError::File`] or [`TrainError::JournalDamaged`].
    pub fn resume(path: &Path, after: u64) -> Result<Self> {
        let history: History<serde_json::Value> = Self::read(path)?;
        let open = || -> io::Result<File> {
            // A run that broke off between its manifest and its journal has none yet.
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            file.set_len(history.whole_bytes)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let mut journal = Self {
            path: path.to_path_buf(),
            file: open().map_err(|error| TrainError::file(path, error))?,
            attempt: history.attempt + 1,
            sequence: history.sequence,
            length: history.whole_bytes,
        };
        journal.write(Some(after), None)?;
        journal.sync()?;
        Ok(journal)
    }

    /// The attempt being written.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The last event's number: what a checkpoint notes, so that a resume knows what it builds on.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Appends an event and gives its number. After a failure the journal is as it was before.
    ///
    /// # Errors
    /// [`TrainError::File`], or [`TrainError::NotWritable`] for an event that has no form in JSON.
    pub fn append<E: Serialize>(&mut self, event: &E) -> Result<u64> {
        let event = serde_json::value::to_raw_value(event).map_err(not_writable)?;
        self.write(None, Some(event))
    }

    fn write(&mut self, resumes_after: Option<u64>, event: Option<Box<RawValue>>) -> Result<u64> {
        let mut line = Line {
            version: VERSION,
            attempt: self.attempt,
            sequence: self.sequence + 1,
            crc32: 0,
            resumes_after,
            event,
        };
        line.crc32 = line.checksum();
        let mut bytes = serde_json::to_vec(&line).map_err(not_writable)?;
        bytes.push(b'\n');
        if let Err(error) = self.file.write_all(&bytes) {
            // Half a line must not stand before the next; where even this fails, reading finds the damage.
            let _: io::Result<u64> = self
                .file
                .set_len(self.length)
                .and_then(|()| self.file.seek(SeekFrom::End(0)));
            return Err(TrainError::file(&self.path, error));
        }
        self.length += bytes.len() as u64;
        self.sequence += 1;
        Ok(self.sequence)
    }

    /// Makes everything appended so far safe against a power cut.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn sync(&self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|error| TrainError::file(&self.path, error))
    }

    /// Reads a journal, also while it is being written. One that is not there is an empty one.
    ///
    /// # Errors
    /// [`TrainError::File`], or [`TrainError::JournalDamaged`] where whole lines follow a damaged one, or an event is not an `E`.
    pub fn read<E: DeserializeOwned>(path: &Path) -> Result<History<E>> {
        let failed = |error| TrainError::file(path, error);
        let mut history = History {
            entries: Vec::new(),
            superseded: 0,
            attempt: 0,
            sequence: 0,
            whole_bytes: 0,
            torn_bytes: 0,
        };
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(history),
            file => file.map_err(failed)?,
        };
        let mut reader = BufReader::new(file);
        let mut torn: Option<(u64, String)> = None;
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            let read = reader
                .by_ref()
                .take(LINE_BYTES)
                .read_until(b'\n', &mut bytes);
            let read = read.map_err(failed)? as u64;
            if read == 0 {
                break;
            }
            match (parse(&bytes), &torn) {
                (Ok(_), Some((line, cause))) => {
                    return Err(TrainError::JournalDamaged {
                        path: path.to_path_buf(),
                        line: *line,
                        cause: cause.clone(),
                    });
                }
                (Ok(line), None) => {
                    let event = history
                        .take(line)
                        .map_err(|cause| TrainError::JournalDamaged {
                            path: path.to_path_buf(),
                            line: number,
                            cause,
                        });
                    event?;
                    history.whole_bytes += read;
                }
                (Err(cause), _) => {
                    torn.get_or_insert((number, cause));
                    history.torn_bytes += read;
                }
            }
        }
        Ok(history)
    }
}

impl<E: DeserializeOwned> History<E> {
    /// Takes a whole line in.
    fn take(&mut self, line: Line) -> std::result::Result<(), String> {
        if line.sequence != self.sequence + 1 {
            return Err(format!(
                "number {} follows number {}",
                line.sequence, self.sequence
            ));
        }
        self.sequence = line.sequence;
        self.attempt = line.attempt;
        if let Some(after) = line.resumes_after {
            let before = self.entries.len();
            self.entries.retain(|entry| entry.sequence <= after);
            self.superseded += (before - self.entries.len()) as u64;
        }
        if let Some(event) = line.event {
            let event = serde_json::from_str(event.get()).map_err(|error| error.to_string())?;
            self.entries.push(Entry {
                attempt: line.attempt,
                sequence: line.sequence,
                event,
            });
        }
        Ok(())
    }
}

/// A whole line, or what is wrong with it.
fn parse(bytes: &[u8]) -> std::result::Result<Line, String> {
    let text = bytes.strip_suffix(b"\n").ok_or("it does not end")?;
    let line: Line = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if line.version != VERSION {
        return Err(format!("it has version {}", line.version));
    }
    match line.checksum() == line.crc32 {
        true => Ok(line),
        false => Err("its checksum does not fit".to_owned()),
    }
}

fn not_writable(error: serde_json::Error) -> TrainError {
    TrainError::NotWritable {
        what: "an event",
        cause: error.to_string(),
    }
}
