//! The key-value part of a GGUF file.

use std::{borrow::Cow, collections::BTreeMap};

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // named after the types they hold
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
    F64(f64),
    Bool(bool),
    String(String),
    Array(Array),
}

/// A metadata array: all its values have one type.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // named after the types they hold
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    String(StringList),
}

/// Many strings in one piece of memory: a vocabulary costs what it costs in the file, whatever its strings look like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StringList {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl StringList {
    pub(super) fn new(bytes: Vec<u8>, ends: Vec<u32>) -> Self {
        Self { bytes, ends }
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no string at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of one string, exactly as the file has them: some vocabularies hold pieces that are no UTF-8.
    pub fn bytes(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        self.bytes.get(start..end)
    }

    /// One string; bytes that are no UTF-8 become U+FFFD.
    pub fn get(&self, index: usize) -> Option<Cow<'_, str>> {
        self.bytes(index).map(String::from_utf8_lossy)
    }

    /// All strings in order, as [`StringList::get`] gives them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Cow<'_, str>> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }
}

impl Array {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::I16(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::String(values) => values.len(),
        }
    }

    /// Whether there is no value in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the type of its values: `u8` … `f64`, `bool`, `string`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::U8(_) => "u8",
            Self::I8(_) => "i8",
            Self::U16(_) => "u16",
            Self::I16(_) => "i16",
            Self::U32(_) => "u32",
            Self::I32(_) => "i32",
            Self::U64(_) => "u64",
            Self::I64(_) => "i64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::Bool(_) => "bool",
            Self::String(_) => "string",
        }
    }

    /// As whole numbers; `None` unless every value is one that fits.
    fn integers<T: TryFrom<i128>>(&self) -> Option<Vec<T>> {
        fn fit<S: Copy + Into<i128>, T: TryFrom<i128>>(values: &[S]) -> Option<Vec<T>> {
            values
                .iter()
                .map(|&value| T::try_from(value.into()).ok())
                .collect()
        }
        match self {
            Self::U8(values) => fit(values),
            Self::I8(values) => fit(values),
            Self::U16(values) => fit(values),
            Self::I16(values) => fit(values),
            Self::U32(values) => fit(values),
            Self::I32(values) => fit(values),
            Self::U64(values) => fit(values),
            Self::I64(values) => fit(values),
            Self::F32(_) | Self::F64(_) | Self::Bool(_) | Self::String(_) => None,
        }
    }
}

impl Value {
    fn integer(&self) -> Option<i128> {
        match *self {
            Self::U8(value) => Some(value.into()),
            Self::I8(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::I16(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::I32(value) => Some(value.into()),
            Self::U64(value) => Some(value.into()),
            Self::I64(value) => Some(value.into()),
            Self::F32(_) | Self::F64(_) | Self::Bool(_) | Self::String(_) | Self::Array(_) => None,
        }
    }
}

/// Numbers as they are, strings as they are, arrays as their type and length: one line for a person.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::F32(value) => write!(f, "{value}"),
            Self::F64(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::String(value) => f.write_str(value),
            Self::Array(array) => write!(f, "[{}; {}]", array.type_name(), array.len()),
            _ => write!(f, "{}", self.integer().unwrap_or_default()),
        }
    }
}

/// What a GGUF file says about its model. The getters give `None` where the key is absent or its value is of another kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata {
    values: BTreeMap<String, Value>,
}

impl Metadata {
    pub(super) fn new(values: BTreeMap<String, Value>) -> Self {
        Self { values }
    }

    /// The value as it is stored.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// All keys in alphabetical order with their values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// `general.architecture`, which names the model family.
    pub fn architecture(&self) -> Option<&str> {
        self.str("general.architecture")
    }

    /// A whole number of any width that is not negative.
    pub fn u64(&self, key: &str) -> Option<u64> {
        u64::try_from(self.get(key)?.integer()?).ok()
    }

    /// A whole number of any width.
    pub fn i64(&self, key: &str) -> Option<i64> {
        i64::try_from(self.get(key)?.integer()?).ok()
    }

    /// Any number.
    pub fn f64(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::F32(value) => Some((*value).into()),
            Value::F64(value) => Some(*value),
            value => value.integer().map(|value| value as f64),
        }
    }

    /// A truth value.
    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A string. Bytes that were no UTF-8 are question marks, zero bytes at its end are gone.
    pub fn str(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::String(value) => Some(value),
            _ => None,
        }
    }

    /// An array of any kind.
    pub fn array(&self, key: &str) -> Option<&Array> {
        match self.get(key)? {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// An array of strings, in one piece.
    pub fn string_list(&self, key: &str) -> Option<&StringList> {
        match self.array(key)? {
            Array::String(list) => Some(list),
            _ => None,
        }
    }

    /// An array of strings, each on its own; bytes that are no UTF-8 become U+FFFD.
    pub fn strings(&self, key: &str) -> Option<Vec<String>> {
        Some(self.string_list(key)?.iter().map(Cow::into_owned).collect())
    }

    /// An array of f32, or of f64 rounded to it.
    pub fn f32s(&self, key: &str) -> Option<Vec<f32>> {
        match self.array(key)? {
            Array::F32(values) => Some(values.clone()),
            Array::F64(values) => Some(values.iter().map(|&value| value as f32).collect()),
            _ => None,
        }
    }

    /// An array of whole numbers of any width, if all of them fit.
    pub fn i32s(&self, key: &str) -> Option<Vec<i32>> {
        self.array(key)?.integers()
    }

    /// An array of whole numbers of any width, if none is negative.
    pub fn u64s(&self, key: &str) -> Option<Vec<u64>> {
        self.array(key)?.integers()
    }

    /// An array of truth values.
    pub fn bools(&self, key: &str) -> Option<&[bool]> {
        match self.array(key)? {
            Array::Bool(values) => Some(values),
            _ => None,
        }
    }
}
