//! A stream of bytes cut into rows.
//!
//! Rows are found by looking at bytes only (brackets, quotes, line ends), and each is parsed by itself: a broken row costs that row.
//! Within a row the parser refuses what is nested more than 128 deep.

use std::io::{self, BufRead, Read};

use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Longest row, in bytes.
pub(crate) const ROW_BYTES: usize = 16 << 20;
/// Bytes looked at to tell one kind of file from another.
const LOOKED_AT: usize = 64 << 10;

/// A row's columns.
pub(crate) type Row = Map<String, Value>;

/// One row, or why there is none; an outer error ends the file.
type Next = io::Result<Option<std::result::Result<Row, Refusal>>>;

/// Rows of a file.
pub(crate) enum Records {
    /// Objects between the brackets of an array, or one after the other.
    Objects(Objects),
    /// One object a line.
    Lines(Box<dyn BufRead>),
    /// Fields under a header.
    Fields(Box<Fields>),
}

impl Records {
    /// Recognises the kind of file from its first bytes; none where it is of no kind. An empty file has no rows.
    pub(crate) fn recognise(mut reader: Box<dyn BufRead>) -> io::Result<Option<Self>> {
        skip_white(&mut reader)?;
        let first = reader.fill_buf()?.first().copied();
        Ok(match first {
            None => Some(Self::Lines(reader)),
            Some(b'[') => {
                reader.consume(1);
                Some(Self::Objects(Objects::new(reader, true)))
            }
            Some(b'{') => {
                let start = reader.fill_buf()?;
                let end = start.iter().position(|&byte| byte == b'\n');
                let line = start[..end.unwrap_or(start.len())].trim_ascii_end();
                // An object spread over lines breaks off before its closing bracket.
                let spread = end.is_some() && !line.ends_with(b"}");
                Some(match spread {
                    true => Self::Objects(Objects::new(reader, false)),
                    false => Self::Lines(reader),
                })
            }
            Some(_) => Fields::recognise(reader)?.map(|fields| Self::Fields(Box::new(fields))),
        })
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Next {
        match self {
            Self::Objects(objects) => objects.next(),
            Self::Lines(reader) => next_line(reader),
            Self::Fields(fields) => fields.next(),
        }
    }
}

fn parse(bytes: &[u8]) -> std::result::Result<Row, Refusal> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) => Err(Refusal::NotAnObject),
        Err(_) => Err(Refusal::Malformed),
    }
}

fn skip_white(reader: &mut Box<dyn BufRead>) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let white = buffer.iter().take_while(|byte| byte.is_ascii_whitespace());
        let count = white.count();
        let whole = count > 0 && count == buffer.len();
        reader.consume(count);
        if !whole {
            return Ok(());
        }
    }
}

/// The next line that is not empty.
fn next_line(reader: &mut Box<dyn BufRead>) -> Next {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(ROW_BYTES as u64 + 1)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if read > ROW_BYTES && !line.ends_with(b"\n") {
            reader.skip_until(b'\n')?;
            return Ok(Some(Err(Refusal::TooLong)));
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            return Ok(Some(parse(text)));
        }
    }
}

/// Objects between the brackets of an array, or one after the other.
pub(crate) struct Objects {
    reader: Box<dyn BufRead>,
    in_array: bool,
    ended: bool,
}

impl Objects {
    fn new(reader: Box<dyn BufRead>, in_array: bool) -> Self {
        Self {
            reader,
            in_array,
            ended: false,
        }
    }

    fn next(&mut self) -> Next {
        if self.ended {
            return Ok(None);
        }
        loop {
            skip_white(&mut self.reader)?;
            match self.reader.fill_buf()?.first() {
                Some(b',') => self.reader.consume(1),
                Some(b']') => {
                    self.reader.consume(1);
                    skip_white(&mut self.reader)?;
                    let more = !self.reader.fill_buf()?.is_empty();
                    self.ended = self.in_array;
                    // Nothing should follow an array, and nothing else ends like one.
                    let stray = more || !self.in_array;
                    return Ok(stray.then_some(Err(Refusal::Malformed)));
                }
                // An array that does not end has lost rows, even if it was cut between two of them.
                None => {
                    self.ended = true;
                    let cut_off = self.in_array.then_some(Err(Refusal::CutOff));
                    return Ok(cut_off);
                }
                Some(_) => return self.value().map(Some),
            }
        }
    }

    /// One value, up to the comma or bracket that ends it.
    fn value(&mut self) -> io::Result<std::result::Result<Row, Refusal>> {
        let mut scan = Scan::default();
        let mut bytes = Vec::new();
        let mut too_long = false;
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                self.ended = true;
                return Ok(Err(Refusal::CutOff));
            }
            let (taken, done) = scan.value(buffer);
            if bytes.len() + taken > ROW_BYTES {
                too_long = true;
                bytes = Vec::new();
            } else if !too_long {
                bytes.extend_from_slice(&buffer[..taken]);
            }
            self.reader.consume(taken);
            if done {
                return Ok(match too_long {
                    true => Err(Refusal::TooLong),
                    false => parse(bytes.trim_ascii()),
                });
            }
        }
    }
}

/// Where inside a value the scan is.
#[derive(Default)]
struct Scan {
    depth: u64,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    /// How many bytes of the buffer belong to the value, and whether it ends there.
    fn value(&mut self, buffer: &[u8]) -> (usize, bool) {
        for (at, &byte) in buffer.iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                // A bare value (a number, a text) ends where the next begins.
                b',' | b']' if self.depth == 0 => return (at, true),
                _ => {}
            }
        }
        (buffer.len(), false)
    }
}

/// Fields under a header.
pub(crate) struct Fields {
    reader: csv::Reader<Metered>,
    header: Vec<String>,
}

/// Lets no more bytes through than a row may have.
struct Metered {
    inner: Box<dyn BufRead>,
    left: usize,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(
                "a quotation mark is opened and not closed for longer than any row",
            ));
        }
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

impl Fields {
    /// A header of at least two names between commas or tabs, or of one that is `text`.
    fn recognise(mut reader: Box<dyn BufRead>) -> io::Result<Option<Self>> {
        let start = reader.fill_buf()?;
        let start = &start[..start.len().min(LOOKED_AT)];
        let line = start.split(|&byte| byte == b'\n').next().unwrap_or(start);
        let tabs = line.contains(&b'\t');
        let single = line.trim_ascii() == b"text" || line.trim_ascii() == b"\"text\"";
        if !(tabs || line.contains(&b',') || single) || line.contains(&0) {
            return Ok(None);
        }
        let metered = Metered {
            inner: reader,
            left: ROW_BYTES,
        };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(if tabs { b'\t' } else { b',' })
            .flexible(true)
            .from_reader(metered);
        let header = match reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            Err(error) => return ended(error).map(|_| None),
        };
        Ok(Some(Self { reader, header }))
    }

    fn next(&mut self) -> Next {
        self.reader.get_mut().left = ROW_BYTES;
        let mut record = csv::StringRecord::new();
        match self.reader.read_record(&mut record) {
            Ok(false) => Ok(None),
            Ok(true) if record.len() != self.header.len() => Ok(Some(Err(Refusal::Ragged))),
            Ok(true) => {
                let fields = self.header.iter().zip(record.iter());
                let row = fields.map(|(name, field)| (name.clone(), Value::from(field)));
                Ok(Some(Ok(row.collect())))
            }
            Err(error) => ended(error).map(Some),
        }
    }
}

/// What a failed record means: the end of the file, or a row that is no text.
fn ended(error: csv::Error) -> io::Result<std::result::Result<Row, Refusal>> {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Err(error),
        _ => Ok(Err(Refusal::Malformed)),
    }
}
