//! SentencePiece vocabularies as GGUF files carry them: pieces with scores, no merges.
//!
//! The rule: start from single characters; of all neighbours that together form a piece, join the pair whose piece has the
//! highest score, the leftmost of equals; repeat until none is left. A character that is no piece becomes its UTF-8 bytes.
//! This is applied directly. Rebuilding a merge list from the scores gives the same result except where two pieces share a
//! score or one piece has several ways to be split, where a list must invent an order.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use tokenizers::Token;

use super::gguf::TokenKind;
use crate::error::TextError;

/// Pieces, scores and the byte pieces of one vocabulary.
pub(super) struct SentencePieces {
    pieces: Vec<String>,
    scores: Vec<f32>,
    /// Every piece, for look-up by name.
    ids: HashMap<String, u32>,
    /// Whether text may be joined into this piece: control, unknown and byte pieces never come from plain text.
    joinable: Vec<bool>,
    bytes: [Option<u32>; 256],
    unknown: Option<u32>,
}

/// A stretch of text that is one symbol now; `len` 0 means it was joined into its left neighbour.
struct Symbol {
    start: usize,
    len: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

/// Two neighbours that could be joined.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both together when the pair was found; another value now means that the entry is stale.
    len: usize,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Pair {}
impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then_with(|| other.left.cmp(&self.left))
    }
}

impl SentencePieces {
    /// `kinds` and `scores` are as long as `pieces`; scores are finite; pieces are distinct.
    pub(super) fn new(
        pieces: Vec<String>,
        scores: Vec<f32>,
        kinds: &[TokenKind],
        ids: HashMap<String, u32>,
        unknown: Option<u32>,
    ) -> Self {
        let mut bytes = [None; 256];
        for value in 0..=255u8 {
            bytes[usize::from(value)] = ids.get(&format!("<0x{value:02X}>")).copied();
        }
        let joinable = kinds
            .iter()
            .map(|kind| {
                !matches!(
                    kind,
                    TokenKind::Control | TokenKind::Unknown | TokenKind::Byte
                )
            })
            .collect();
        Self {
            pieces,
            scores,
            ids,
            joinable,
            bytes,
            unknown,
        }
    }

    pub(super) fn id(&self, piece: &str) -> Option<u32> {
        self.ids.get(piece).copied()
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.pieces.get(id as usize).map(String::as_str)
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn vocabulary(&self) -> HashMap<String, u32> {
        self.ids.clone()
    }

    /// The piece that this stretch of text may become.
    fn piece(&self, text: &str) -> Option<u32> {
        self.id(text).filter(|&id| self.joinable[id as usize])
    }

    /// Cuts normalised text (spaces already written as `▁`); offsets are bytes of `text`.
    pub(super) fn tokenize(&self, text: &str) -> Result<Vec<Token>, TextError> {
        let mut symbols: Vec<Symbol> = Vec::with_capacity(text.len());
        for (start, character) in text.char_indices() {
            let at = symbols.len();
            if let Some(last) = symbols.last_mut() {
                last.next = Some(at);
            }
            symbols.push(Symbol {
                start,
                len: character.len_utf8(),
                previous: at.checked_sub(1),
                next: None,
            });
        }
        let mut queue = BinaryHeap::new();
        for right in 1..symbols.len() {
            self.propose(text, &symbols, right - 1, right, &mut queue);
        }
        while let Some(pair) = queue.pop() {
            let (left, right) = (pair.left, pair.right);
            if symbols[left].len == 0
                || symbols[right].len == 0
                || symbols[left].len + symbols[right].len != pair.len
            {
                continue;
            }
            symbols[left].len = pair.len;
            symbols[right].len = 0;
            let next = symbols[right].next;
            symbols[left].next = next;
            if let Some(next) = next {
                symbols[next].previous = Some(left);
                self.propose(text, &symbols, left, next, &mut queue);
            }
            if let Some(previous) = symbols[left].previous {
                self.propose(text, &symbols, previous, left, &mut queue);
            }
        }
        let mut tokens = Vec::new();
        for symbol in symbols.iter().filter(|symbol| symbol.len > 0) {
            self.emit(text, symbol.start, symbol.start + symbol.len, &mut tokens)?;
        }
        Ok(tokens)
    }

    /// Queues the pair if the two together are a piece.
    fn propose(
        &self,
        text: &str,
        symbols: &[Symbol],
        left: usize,
        right: usize,
        queue: &mut BinaryHeap<Pair>,
    ) {
        let start = symbols[left].start;
        let len = symbols[left].len + symbols[right].len;
        if let Some(id) = self.piece(&text[start..start + len]) {
            queue.push(Pair {
                score: self.scores[id as usize],
                left,
                right,
                len,
            });
        }
    }

    /// One symbol as its piece, as bytes, or as the unknown piece.
    fn emit(
        &self,
        text: &str,
        start: usize,
        end: usize,
        tokens: &mut Vec<Token>,
    ) -> Result<(), TextError> {
        let symbol = &text[start..end];
        if let Some(id) = self.piece(symbol) {
            tokens.push(Token::new(id, symbol.to_owned(), (start, end)));
            return Ok(());
        }
        let bytes: Option<Vec<u32>> = symbol
            .bytes()
            .map(|byte| self.bytes[usize::from(byte)])
            .collect();
        let ids = bytes
            .or_else(|| self.unknown.map(|id| vec![id]))
            .ok_or_else(|| TextError::EncodeFailed {
                cause: format!("the vocabulary has no token for {symbol:?}"),
            })?;
        tokens.extend(
            ids.into_iter()
                .map(|id| Token::new(id, self.pieces[id as usize].clone(), (start, end))),
        );
        Ok(())
    }
}
