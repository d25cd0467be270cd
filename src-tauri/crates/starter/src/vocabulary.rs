//! The tokenizer (byte-level BPE, digits one by one) and the chat template.

use std::path::Path;

use serde_json::json;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    TokenizerBuilder,
};

use crate::conversation::DEFAULT_SYSTEM;
use crate::error::{Result, StarterError};
use crate::files::write;

/// Tokens of the vocabulary.
pub const TOKENS: usize = 1536;
/// Longest chat, in tokens.
pub const CONTEXT_TOKENS: usize = 1024;

const END_OF_TEXT: &str = "<|endoftext|>";
const MESSAGE_START: &str = "<|im_start|>";
const MESSAGE_END: &str = "<|im_end|>";

/// ChatML. The generation block marks what the model itself writes, the end mark included: the trainer takes its loss from it.
fn chat_template() -> String {
    format!(
        "{{%- if not messages or messages[0]['role'] != 'system' -%}}\n\
         {{{{ '<|im_start|>system\\n{DEFAULT_SYSTEM}<|im_end|>\\n' }}}}\n\
         {{%- endif -%}}\n\
         {{%- for message in messages -%}}\n\
         {{{{ '<|im_start|>' + message['role'] + '\\n' }}}}\n\
         {{%- if message['role'] == 'assistant' -%}}\n\
         {{%- generation -%}}\n\
         {{{{ message['content'] + '<|im_end|>' }}}}\n\
         {{%- endgeneration -%}}\n\
         {{%- else -%}}\n\
         {{{{ message['content'] + '<|im_end|>' }}}}\n\
         {{%- endif -%}}\n\
         {{{{ '\\n' }}}}\n\
         {{%- endfor -%}}\n\
         {{%- if add_generation_prompt -%}}\n\
         {{{{ '<|im_start|>assistant\\n' }}}}\n\
         {{%- endif -%}}\n"
    )
}

/// Trains the tokenizer on these texts, and writes its two files into the folder.
///
/// # Errors
/// [`StarterError::Tokenizer`] and [`StarterError::File`].
pub fn write_tokenizer(texts: &[String], folder: &Path) -> Result<()> {
    let failed = |error: tokenizers::Error| StarterError::Tokenizer {
        cause: error.to_string(),
    };
    let pieces = Sequence::new(vec![
        PreTokenizerWrapper::Digits(Digits::new(true)),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true)),
    ]);
    let mut tokenizer = TokenizerBuilder::<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >::new()
    .with_model(BPE::default())
    .with_normalizer(None)
    .with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(pieces)))
    .with_post_processor(None)
    .with_decoder(Some(DecoderWrapper::ByteLevel(ByteLevel::default())))
    .build()
    .map_err(failed)?;
    let special = [END_OF_TEXT, MESSAGE_START, MESSAGE_END];
    let mut trainer = BpeTrainer::builder()
        .vocab_size(TOKENS)
        .special_tokens(special.map(|token| AddedToken::from(token, true)).to_vec())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .show_progress(false)
        .build();
    tokenizer
        .train(&mut trainer, texts.iter())
        .map_err(failed)?;
    let text = tokenizer.to_string(true).map_err(failed)?;
    write(&folder.join("tokenizer.json"), text.as_bytes())?;
    let config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": CONTEXT_TOKENS,
        "bos_token": END_OF_TEXT,
        "eos_token": MESSAGE_END,
        "pad_token": END_OF_TEXT,
        "add_bos_token": false,
        "add_eos_token": false,
        "clean_up_tokenization_spaces": false,
        "chat_template": chat_template(),
    });
    write(
        &folder.join("tokenizer_config.json"),
        format!("{config:#}\n").as_bytes(),
    )
}
