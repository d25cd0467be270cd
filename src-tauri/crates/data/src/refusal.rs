//! Why a row cannot be used.

use std::collections::BTreeMap;

/// Why a row cannot be used. The words read on after "row 7 ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// The row is not JSON.
    #[error("is not valid JSON in UTF-8")]
    Malformed,
    /// The row is JSON, but not an object.
    #[error("is not an object with columns")]
    NotAnObject,
    /// The row has more bytes than any real one.
    #[error("is longer than {} MiB", crate::records::ROW_BYTES >> 20)]
    TooLong,
    /// The file ends inside the row.
    #[error("is cut off: the file ends inside it")]
    CutOff,
    /// A CSV row has another number of fields than the header.
    #[error("has another number of fields than the header")]
    Ragged,
    /// The columns are of none of the known formats.
    #[error("has columns of no known format")]
    Unrecognised,
    /// A column that the format needs is not there.
    #[error("has no column {0:?}")]
    MissingColumn(&'static str),
    /// A column holds something else than it should.
    #[error("has a column {0:?} that is not a text (or, for conversations, not a list of turns)")]
    WrongType(&'static str),
    /// A column that must say something is empty.
    #[error("has nothing in column {0:?}")]
    Empty(&'static str),
    /// A turn is not `{role, content}` or `{from, value}`.
    #[error("has a turn without a speaker or words")]
    BadTurn,
    /// A speaker that is not known.
    #[error("has a turn by an unknown speaker")]
    UnknownSpeaker,
    /// Nobody answers in the conversation.
    #[error("has no answer by the assistant")]
    NoAnswer,
    /// Both answers say the same.
    #[error("has a chosen and a rejected answer that are the same")]
    EqualAnswers,
    /// The two conversations of a pair differ before their last answers.
    #[error("has a chosen and a rejected conversation that differ before their last answers")]
    DifferentPrompts,
}

impl Refusal {
    /// What a person can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Malformed | Self::CutOff => {
                "Correct the row, or export the file again: one JSON object a row, in UTF-8."
            }
            Self::NotAnObject => {
                "Make every row an object such as {\"instruction\": ..., \"output\": ...}."
            }
            Self::TooLong => "Split the row, or take it out.",
            Self::Ragged => "Put fields with commas or line breaks in quotation marks.",
            Self::Unrecognised => {
                "Name the columns as one of the formats does, such as instruction and output, messages, conversations, text, \
                 or prompt, chosen and rejected."
            }
            Self::MissingColumn(_) | Self::WrongType(_) | Self::Empty(_) => {
                "Fill the column in, or choose the format that fits these rows."
            }
            Self::BadTurn | Self::UnknownSpeaker => {
                "Write turns as {\"role\": \"user\", \"content\": ...} or {\"from\": \"human\", \"value\": ...}."
            }
            Self::NoAnswer => "Add what the assistant should say, or take the row out.",
            Self::EqualAnswers => "Take the row out, or correct one of the answers.",
            Self::DifferentPrompts => "Make both conversations the same up to the last answer.",
        }
    }
}

/// Refused rows by reason: how many, and the first one's number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused(BTreeMap<Refusal, (u64, u64)>);

impl Refused {
    /// Counts a row.
    pub(crate) fn add(&mut self, refusal: Refusal, row: u64) {
        self.0.entry(refusal).or_insert((0, row)).0 += 1;
    }

    /// Each reason with how many rows and the first row's number, counted from 1.
    pub fn reasons(&self) -> impl Iterator<Item = (Refusal, u64, u64)> {
        self.0
            .iter()
            .map(|(&why, &(count, first))| (why, count, first))
    }

    /// How many rows for this reason.
    pub fn count(&self, refusal: Refusal) -> u64 {
        self.0.get(&refusal).map_or(0, |&(count, _)| count)
    }

    /// How many rows for any reason.
    pub fn total(&self) -> u64 {
        self.0.values().map(|&(count, _)| count).sum()
    }

    /// The refusal met first.
    pub fn first(&self) -> Option<(u64, Refusal)> {
        let all = self.0.iter().map(|(&why, &(_, row))| (row, why));
        all.min()
    }
}
