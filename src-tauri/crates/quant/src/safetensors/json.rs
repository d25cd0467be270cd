//! The two JSON documents of safetensors checkpoints, read without ever holding more of them than is wanted: repeated names are
//! errors (a plain map would keep the last one), long shapes stop the parser, and unknown parts are skipped.

use super::header::HEADER_LIMIT;
use crate::{FileError, error::shown};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{cell::RefCell, collections::BTreeMap, fmt};

const NAME_LIMIT: usize = 1 << 20;
const DIMENSION_LIMIT: usize = 16;

/// A tensor as the header describes it; offsets are relative to the data section.
#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) dtype: String,
    pub(super) shape: Dimensions,
    pub(super) data_offsets: (u64, u64),
}

#[derive(Default)]
pub(super) struct ParsedHeader {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) metadata: BTreeMap<String, String>,
}

pub(super) struct Dimensions(pub(super) Vec<u64>);

impl<'de> Deserialize<'de> for Dimensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = Dimensions;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a shape of at most {DIMENSION_LIMIT} dimensions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Dimensions, A::Error> {
                let mut dimensions = Vec::new();
                while let Some(dimension) = values.next_element()? {
                    if dimensions.len() == DIMENSION_LIMIT {
                        return Err(A::Error::invalid_length(DIMENSION_LIMIT + 1, &self));
                    }
                    dimensions.push(dimension);
                }
                Ok(Dimensions(dimensions))
            }
        }
        deserializer.deserialize_seq(Bounded)
    }
}

/// What the names of a map stand for.
#[derive(Clone, Copy)]
enum Names {
    Tensors,
    MetadataKeys,
}

/// Errors of ours on their way through serde, which can only carry its own.
struct Reader<'a> {
    file: &'a str,
    problem: RefCell<Option<FileError>>,
}

impl Reader<'_> {
    fn stop<E: serde::de::Error>(&self, problem: FileError) -> E {
        let message = E::custom(&problem);
        self.problem.replace(Some(problem));
        message
    }

    fn insert<V, E: serde::de::Error>(
        &self,
        map: &mut BTreeMap<String, V>,
        names: Names,
        name: String,
        value: V,
    ) -> Result<(), E> {
        let file = self.file.to_owned();
        if map.len() == NAME_LIMIT {
            return Err(self.stop(FileError::TooMany {
                file,
                what: match names {
                    Names::Tensors => "tensors",
                    Names::MetadataKeys => "metadata keys",
                },
                count: NAME_LIMIT as u64 + 1,
                limit: NAME_LIMIT as u64,
            }));
        }
        if map.contains_key(&name) {
            let name = shown(&name);
            return Err(self.stop(match names {
                Names::Tensors => FileError::DuplicateTensor { file, tensor: name },
                Names::MetadataKeys => FileError::DuplicateKey { file, key: name },
            }));
        }
        map.insert(name, value);
        Ok(())
    }
}

/// Parses a whole document with `seed`.
fn parse<'de, S: DeserializeSeed<'de>>(
    seed: S,
    text: &'de str,
) -> Result<S::Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

pub(super) fn header(file: &str, text: &str) -> Result<ParsedHeader, FileError> {
    let reader = Reader {
        file,
        problem: RefCell::new(None),
    };
    parse(Header(&reader), text).map_err(|source| {
        let problem = reader.problem.take();
        problem.unwrap_or_else(|| FileError::BadHeader {
            file: file.to_owned(),
            source,
        })
    })
}

struct Header<'a>(&'a Reader<'a>);

impl<'de> DeserializeSeed<'de> for Header<'_> {
    type Value = ParsedHeader;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ParsedHeader, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Header<'_> {
    type Value = ParsedHeader;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from tensor names to their type, shape and place")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ParsedHeader, A::Error> {
        let mut header = ParsedHeader::default();
        let mut has_metadata = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if has_metadata {
                    return Err(self.0.stop(FileError::DuplicateKey {
                        file: self.0.file.to_owned(),
                        key: name,
                    }));
                }
                has_metadata = true;
                header.metadata = map.next_value_seed(Strings(self.0, Names::MetadataKeys))?;
            } else {
                let entry = map.next_value()?;
                self.0
                    .insert(&mut header.entries, Names::Tensors, name, entry)?;
            }
        }
        Ok(header)
    }
}

/// A map from strings to strings: `__metadata__`, and the `weight_map` of an index.
struct Strings<'a>(&'a Reader<'a>, Names);

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = BTreeMap<String, String>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = BTreeMap<String, String>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from strings to strings")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut strings = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            self.0.insert(&mut strings, self.1, name, value)?;
        }
        Ok(strings)
    }
}

/// The `weight_map` of an index: tensor names and the files that hold them.
pub(super) fn weight_map(file: &str, text: &str) -> Result<BTreeMap<String, String>, FileError> {
    let reader = Reader {
        file,
        problem: RefCell::new(None),
    };
    parse(Index(&reader), text).map_err(|source| {
        let problem = reader.problem.take();
        problem.unwrap_or_else(|| FileError::BadIndex {
            file: file.to_owned(),
            source,
        })
    })
}

/// An index may be as long as a header.
pub(super) const INDEX_LIMIT: u64 = HEADER_LIMIT;

struct Index<'a>(&'a Reader<'a>);

impl<'de> DeserializeSeed<'de> for Index<'_> {
    type Value = BTreeMap<String, String>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Index<'_> {
    type Value = BTreeMap<String, String>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with a weight_map")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut weight_map = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == "weight_map" {
                if weight_map.is_some() {
                    return Err(A::Error::duplicate_field("weight_map"));
                }
                weight_map = Some(map.next_value_seed(Strings(self.0, Names::Tensors))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        weight_map.ok_or_else(|| A::Error::missing_field("weight_map"))
    }
}
