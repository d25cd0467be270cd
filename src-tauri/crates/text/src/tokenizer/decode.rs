//! From token ids back to text, all at once or as they arrive.

use super::Tokenizer;
use crate::error::Result;

/// How the tokens of a vocabulary spell text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Every character of a token stands for one byte (GPT-2's alphabet).
    ByteLevel,
    /// Tokens are text with a mark for the space, bytes are written `<0x0A>`.
    Pieces {
        /// The mark that stands for a space.
        mark: char,
        /// Whether `<0x0A>` is a byte.
        bytes: bool,
        /// Spaces dropped at the very beginning.
        strip: usize,
    },
    /// Any other chain of decoders: the whole answer is decoded again for each token.
    Library,
}

/// Text as tokens arrive, each piece as soon as it is certain.
///
/// All pieces together, with what [`finish`](Self::finish) gives, are what [`Tokenizer::decode`] gives for all ids at once: a character whose
/// bytes are spread over several tokens is held back until it is whole, and bytes that are no UTF-8 become U+FFFD.
#[derive(Debug, Clone)]
pub struct StreamDecoder {
    tokenizer: Tokenizer,
    /// Bytes that may still become a character.
    pending: Vec<u8>,
    /// Spaces still to be dropped at the beginning.
    strip: usize,
    /// For [`Spelling::Library`]: all ids, and the text that was given for them.
    ids: Vec<u32>,
    given: String,
}

impl StreamDecoder {
    pub(super) fn new(tokenizer: Tokenizer) -> Self {
        let strip = match tokenizer.spelling() {
            Spelling::Pieces { strip, .. } => strip,
            Spelling::ByteLevel | Spelling::Library => 0,
        };
        Self {
            tokenizer,
            pending: Vec::new(),
            strip,
            ids: Vec::new(),
            given: String::new(),
        }
    }

    /// The decoder in the state after these ids, whose own text is not given.
    pub(super) fn after(tokenizer: Tokenizer, before: &[u32]) -> Result<Self> {
        let mut decoder = Self::new(tokenizer);
        if decoder.tokenizer.spelling() == Spelling::Library {
            decoder.given = decoder.tokenizer.decode_by_library(before)?;
            decoder.ids = before.to_vec();
        } else {
            for &id in before {
                decoder.push(id)?;
            }
        }
        Ok(decoder)
    }

    /// Takes the next id and gives the text that became certain; special tokens have none.
    ///
    /// # Errors
    /// Only where the tokenizer file brings a decoder of its own kind that fails.
    pub fn push(&mut self, id: u32) -> Result<String> {
        if self.tokenizer.is_special(id) {
            return Ok(String::new());
        }
        match self.tokenizer.spelling() {
            Spelling::ByteLevel => {
                self.push_byte_level(id);
                Ok(self.take_certain(false))
            }
            Spelling::Pieces { mark, bytes, .. } => {
                if let Some(token) = self.tokenizer.token_text(id) {
                    self.push_piece(&token, mark, bytes);
                }
                Ok(self.take_certain(false))
            }
            Spelling::Library => self.push_by_library(id),
        }
    }

    /// What is still held back, once no more ids will come; a broken character becomes U+FFFD.
    pub fn finish(&mut self) -> Result<String> {
        if self.tokenizer.spelling() != Spelling::Library {
            return Ok(self.take_certain(true));
        }
        let whole = self.tokenizer.decode_by_library(&self.ids)?;
        let rest = whole.strip_prefix(self.given.as_str()).unwrap_or("");
        let rest = rest.to_owned();
        self.given = whole;
        Ok(rest)
    }

    fn push_byte_level(&mut self, id: u32) {
        let Some(token) = self.tokenizer.token_text(id) else {
            return;
        };
        // Added tokens are written as they are; only the model's own use the alphabet of bytes.
        let start = self.pending.len();
        if !self.tokenizer.is_added(id) {
            for character in token.chars() {
                match byte_of(character) {
                    Some(byte) => self.pending.push(byte),
                    None => {
                        self.pending.truncate(start);
                        break;
                    }
                }
            }
        }
        if self.pending.len() == start {
            self.pending.extend_from_slice(token.as_bytes());
        }
    }

    fn push_piece(&mut self, token: &str, mark: char, bytes: bool) {
        let byte = token
            .strip_prefix("<0x")
            .and_then(|rest| rest.strip_suffix('>'))
            .filter(|digits| bytes && digits.len() == 2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => self.pending.push(byte),
            None => {
                let mut buffer = [0; 4];
                for character in token.chars() {
                    let character = if character == mark { ' ' } else { character };
                    self.pending
                        .extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                }
            }
        }
    }

    /// Moves whole characters out of the pending bytes; with `all`, the broken rest too.
    fn take_certain(&mut self, all: bool) -> String {
        let mut text = String::new();
        let mut used = 0;
        loop {
            match std::str::from_utf8(&self.pending[used..]) {
                Ok(rest) => {
                    text.push_str(rest);
                    used = self.pending.len();
                    break;
                }
                Err(error) => {
                    let valid = &self.pending[used..used + error.valid_up_to()];
                    text.push_str(&String::from_utf8_lossy(valid));
                    used += error.valid_up_to();
                    match error.error_len() {
                        Some(broken) => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            used += broken;
                        }
                        None => break,
                    }
                }
            }
        }
        if all && used < self.pending.len() {
            text.push(char::REPLACEMENT_CHARACTER);
            used = self.pending.len();
        }
        self.pending.drain(..used);
        while self.strip > 0 && !text.is_empty() {
            if text.starts_with(' ') {
                text.remove(0);
                self.strip -= 1;
            } else {
                self.strip = 0;
            }
        }
        text
    }

    fn push_by_library(&mut self, id: u32) -> Result<String> {
        self.ids.push(id);
        let whole = self.tokenizer.decode_by_library(&self.ids)?;
        let certain = whole.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let Some(rest) = certain.strip_prefix(self.given.as_str()) else {
            return Ok(String::new());
        };
        let rest = rest.to_owned();
        self.given.push_str(&rest);
        Ok(rest)
    }
}

/// The byte that a character of GPT-2's alphabet stands for: printable Latin-1 stands for itself, the other 68 bytes follow
/// from U+0100 on in order.
pub(super) fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_alphabet_is_a_bijection() {
        let mut seen = [false; 256];
        for character in '\0'..'\u{1000}' {
            if let Some(byte) = byte_of(character) {
                assert!(!seen[usize::from(byte)], "{character:?}");
                seen[usize::from(byte)] = true;
            }
        }
        assert!(seen.iter().all(|&s| s));
        assert_eq!(byte_of('Ġ'), Some(b' '));
        assert_eq!(byte_of('Ċ'), Some(b'\n'));
        assert_eq!(byte_of('!'), Some(b'!'));
    }
}
