//! How byte-level vocabularies cut text before merging, by the name in `tokenizer.ggml.pre`.
//!
//! A GGUF file names the rule instead of spelling it out. The expressions are the ones the models were trained with; each list
//! is applied in order, every expression cutting the pieces that the one before left.

use crate::error::{Result, TextError};

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
const THREE_DIGITS: &str = "[0-9][0-9][0-9]";
const PUNCTUATION: &str = r"[\p{P}\$\+<=>\^~\|`]+";
const PUNCTUATION_DEFAULT: &str = r"[\p{P}\$\+<=>\^~\|]+";
const DIGITS: &str = r"\p{N}+";
const DIGITS_UP_TO_THREE: &str = r"\p{N}{1,3}";
const LINE_BREAK: &str = r"[\r\n]";
const CJK: &str = "[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+";
const CJK_DEEPSEEK: &str = "[\u{4e00}-\u{9fa5}\u{0800}-\u{4e00}\u{ac00}-\u{d7ff}]+";
const BLOOM: &str = " ?[^(\\s|.,!?…。，、।۔،)]+";
const DEEPSEEK_V3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;

/// A way of cutting text, and what else the name implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    /// Applied in this order.
    pub(super) patterns: &'static [&'static str],
    /// A stretch that is a token as a whole is that token, whatever the merges say.
    pub(super) whole_words: bool,
    /// Text begins with BOS unless the file says otherwise.
    pub(super) begins_with_bos: bool,
}

const fn plain(patterns: &'static [&'static str]) -> Split {
    Split {
        patterns,
        whole_words: false,
        begins_with_bos: false,
    }
}

/// Names with their rule; several names share one.
const SPLITS: &[(&[&str], Split)] = &[
    (
        &[
            "gpt-2",
            "gpt2",
            "mpt",
            "olmo",
            "phi-2",
            "roberta-bpe",
            "jina-es",
            "jina-de",
            "jina-v1-en",
            "jina-v2-es",
            "jina-v2-de",
            "trillion",
            "a.x-4.0",
            "mellum",
            "gpt-neox",
        ],
        plain(&[GPT2]),
    ),
    (&["falcon"], plain(&[PUNCTUATION, GPT2, THREE_DIGITS])),
    (
        &["default"],
        plain(&[PUNCTUATION_DEFAULT, GPT2, DIGITS, THREE_DIGITS]),
    ),
    (
        &[
            "starcoder",
            "refact",
            "command-r",
            "smollm",
            "codeshell",
            "exaone",
            "minerva-7b",
        ],
        plain(&[DIGIT, GPT2]),
    ),
    (
        &[
            "llama3",
            "llama-v3",
            "llama-bpe",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
        ],
        Split {
            patterns: &[LLAMA3],
            whole_words: true,
            begins_with_bos: true,
        },
    ),
    (
        &["smaug-bpe", "dbrx", "chatglm-bpe", "glm4", "lfm2"],
        plain(&[LLAMA3]),
    ),
    (
        &[
            "qwen2",
            "stablelm2",
            "hunyuan",
            "megrez",
            "deepseek-r1-qwen",
            "solar-open",
        ],
        plain(&[QWEN2]),
    ),
    (&["gpt-4o", "llama4", "kanana2"], plain(&[O200K])),
    (
        &["tekken"],
        Split {
            patterns: &[TEKKEN],
            whole_words: true,
            begins_with_bos: true,
        },
    ),
    (&["bloom", "gpt3-finnish"], plain(&[BLOOM])),
    (&["viking", "poro-chat"], plain(&[BLOOM, DIGIT])),
    (
        &["deepseek-coder"],
        plain(&[LINE_BREAK, r"\s?\p{L}+", r"\s?\p{P}+", CJK_DEEPSEEK, DIGIT]),
    ),
    (
        &["deepseek-v3", "hunyuan-dense", "joyai-llm"],
        plain(&[DIGITS_UP_TO_THREE, CJK, DEEPSEEK_V3]),
    ),
];

/// The rule of this name; a file without a name means `default`.
pub(super) fn split(name: Option<&str>) -> Result<Split> {
    let name = name.unwrap_or("default");
    SPLITS
        .iter()
        .find(|(names, _)| names.contains(&name))
        .map(|(_, split)| *split)
        .ok_or_else(|| TextError::TokenizerUnsupported {
            kind: format!("byte-level with the unknown pre-tokenizer {name:?}"),
        })
}

/// All expressions, for the tests of the checker.
#[cfg(test)]
pub(super) fn every_pattern() -> impl Iterator<Item = &'static str> {
    SPLITS
        .iter()
        .flat_map(|(_, split)| split.patterns.iter().copied())
}
