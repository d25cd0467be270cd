//! The template a recipe asks for.

use nc_text::{ChatTemplate, Fallback, Tokenizer};

use crate::error::{Result, TrainError};
use crate::recipe::TemplateChoice;

/// What is said, without anything between; each answer ended by EOS.
const RAW: &str = "{%- for message in messages -%}{%- if message.role == 'assistant' -%}\
    {%- generation -%}{{- message.content ~ (eos_token or '') -}}{%- endgeneration -%}\
    {%- else -%}{{- message.content -}}{%- endif -%}{%- endfor -%}";

/// The template a recipe asks for; `own` is the source of the one that comes with the model.
///
/// # Errors
/// [`TrainError::NoTemplate`] where the model's own is asked for and it has none, [`TrainError::Text`] where it is broken.
pub fn chat_template(
    choice: TemplateChoice,
    own: Option<&str>,
    tokenizer: &Tokenizer,
) -> Result<ChatTemplate> {
    let text = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id));
    let (bos, eos) = (text(tokenizer.bos()), text(tokenizer.eos()));
    let (bos, eos) = (bos.as_deref(), eos.as_deref());
    let built_in = |kind| Ok(ChatTemplate::fallback_with(kind, bos, eos));
    match choice {
        TemplateChoice::Model => {
            let source = own.ok_or(TrainError::NoTemplate)?;
            Ok(ChatTemplate::new(source, bos, eos)?)
        }
        TemplateChoice::Raw => Ok(ChatTemplate::new(RAW, bos, eos)?),
        TemplateChoice::Chatml => built_in(Fallback::ChatMl),
        TemplateChoice::Neuralchat => built_in(Fallback::NeuralChat),
        TemplateChoice::Alpaca => built_in(Fallback::Alpaca),
    }
}
