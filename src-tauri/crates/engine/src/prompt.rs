//! From a conversation or a text to the tokens the model reads, cut to what its context holds.

use nc_text::{ChatTemplate, Fallback, Message, Special, encode_rendered};

use crate::{EngineError, OpenedModel};

/// An answer gets at least this many tokens of room, or as many as the context has.
const LEAST_ANSWER_TOKENS: usize = 16;

/// What is to be continued or answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// A text, continued as it stands. Control tokens spelled in it are recognised.
    Text {
        /// The text.
        text: String,
        /// Begin with BOS where the tokenizer does so; an empty text always does.
        add_bos: bool,
    },
    /// A conversation, answered.
    Chat {
        /// What the model is told before the conversation.
        system: Option<String>,
        /// The messages, oldest first.
        messages: Vec<Message>,
        /// Which template writes them.
        template: Template,
        /// The last message is an unfinished answer to go on with.
        continue_last: bool,
    },
    /// Tokens as they are.
    Tokens(Vec<u32>),
}

/// Which chat template is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// The model's own.
    Model,
    /// A built-in one.
    Fallback(Fallback),
}

/// A prompt that fits.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) tokens: Vec<u32>,
    /// Messages at the beginning that were left out.
    pub(crate) unseen_messages: u32,
    /// Tokens at the beginning of a text that were left out.
    pub(crate) unseen_tokens: u32,
    /// The answer goes on in the middle of a text: a space at its beginning is kept.
    pub(crate) goes_on: bool,
    /// Stop strings of the template.
    pub(crate) stop: Vec<String>,
}

impl OpenedModel {
    /// Tokens a prompt takes, whole or not; for the context gauge.
    ///
    /// # Errors
    /// [`EngineError::NoTemplate`], or why template or tokenizer failed.
    pub fn count(&self, prompt: &Prompt) -> Result<usize, EngineError> {
        match prompt {
            Prompt::Tokens(tokens) => Ok(tokens.len()),
            Prompt::Text { text, add_bos } => Ok(self.text_tokens(text, *add_bos)?.len()),
            Prompt::Chat {
                system,
                messages,
                template,
                continue_last,
            } => {
                let chat = self.chat(system.as_deref(), messages, *template, *continue_last)?;
                Ok(chat.encode(0)?.len())
            }
        }
    }

    pub(crate) fn fit(
        &self,
        prompt: &Prompt,
        max_new_tokens: usize,
    ) -> Result<Fitted, EngineError> {
        let context_tokens = self.info.context_tokens as usize;
        match prompt {
            Prompt::Tokens(tokens) => whole(tokens.clone(), true, context_tokens),
            Prompt::Text { text, add_bos } => {
                let tokens = self.text_tokens(text, *add_bos)?;
                let bos = self.vocabulary.tokenizer.bos();
                let begun = bos.is_some() && tokens.first().copied() == bos;
                let (tokens, unseen_tokens) = newest(
                    tokens,
                    usize::from(begun),
                    most_tokens(max_new_tokens, context_tokens),
                );
                Ok(Fitted {
                    unseen_tokens,
                    ..whole(tokens, !text.is_empty(), context_tokens)?
                })
            }
            Prompt::Chat {
                system,
                messages,
                template,
                continue_last,
            } => {
                let chat = self.chat(system.as_deref(), messages, *template, *continue_last)?;
                chat.fit(max_new_tokens, context_tokens)
            }
        }
    }

    fn text_tokens(&self, text: &str, add_bos: bool) -> Result<Vec<u32>, EngineError> {
        let tokenizer = &self.vocabulary.tokenizer;
        let mut tokens = match text.is_empty() {
            true => Vec::new(),
            false => tokenizer.encode(text, Special::Parse)?,
        };
        if let Some(bos) = tokenizer.bos()
            && (text.is_empty() || add_bos && tokenizer.adds_bos())
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        Ok(tokens)
    }

    fn chat<'a>(
        &'a self,
        system: Option<&str>,
        messages: &'a [Message],
        choice: Template,
        continue_last: bool,
    ) -> Result<Chat<'a>, EngineError> {
        let tokenizer = &self.vocabulary.tokenizer;
        let template = match choice {
            Template::Model => match &self.vocabulary.template {
                None => return Err(EngineError::NoTemplate),
                Some((_, Ok(template))) => TemplateInUse::Own(template),
                Some((_, Err(error))) => return Err(error.clone().into()),
            },
            Template::Fallback(kind) => {
                let spelled = |token: Option<u32>| token.and_then(|id| tokenizer.token_text(id));
                let (bos, eos) = (spelled(tokenizer.bos()), spelled(tokenizer.eos()));
                TemplateInUse::BuiltIn(Box::new(ChatTemplate::fallback_with(
                    kind,
                    bos.as_deref(),
                    eos.as_deref(),
                )))
            }
        };
        let told = messages
            .iter()
            .take_while(|message| message.role == "system")
            .count();
        let (told, messages) = messages.split_at(told);
        let system = system.map(|text| Message::new("system", text));
        let (messages, unfinished) = match messages.split_last() {
            Some((last, before)) if continue_last && last.role == "assistant" => {
                (before, Some(last.content.as_str()))
            }
            _ => (messages, None),
        };
        if messages.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        let stop = match choice {
            Template::Model => Vec::new(),
            Template::Fallback(kind) => turn_starts(kind),
        };
        Ok(Chat {
            model: self,
            template,
            system: system.into_iter().chain(told.iter().cloned()).collect(),
            messages,
            unfinished,
            stop,
        })
    }
}

/// What a model writes that goes on with the other side's turn. A model that was trained with the template ends its turn
/// with a token; one that was not, writes the text.
fn turn_starts(kind: Fallback) -> Vec<String> {
    let texts: &[&str] = match kind {
        Fallback::ChatMl => &["<|im_end|>", "<|im_start|>"],
        Fallback::NeuralChat => &["### User:", "### System:"],
        Fallback::Alpaca => &["### Instruction:"],
    };
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// Tokens a prompt may have: what is left of the context once the answer has its room, at most a quarter of it.
fn most_tokens(max_new_tokens: usize, context_tokens: usize) -> usize {
    context_tokens.saturating_sub(max_new_tokens.min(context_tokens / 4).max(1))
}

/// The first `kept` tokens (BOS, which models are used to) and as many of the last as fit into `most`; and how many are left out.
fn newest(mut tokens: Vec<u32>, kept: usize, most: usize) -> (Vec<u32>, u32) {
    let unseen = tokens.len().saturating_sub(most.max(kept + 1));
    tokens.drain(kept..kept + unseen);
    (tokens, unseen as u32)
}

fn whole(tokens: Vec<u32>, goes_on: bool, context_tokens: usize) -> Result<Fitted, EngineError> {
    if tokens.is_empty() {
        return Err(EngineError::EmptyPrompt);
    }
    if tokens.len() >= context_tokens {
        return Err(EngineError::ContextFull {
            prompt_tokens: tokens.len(),
            context_tokens,
        });
    }
    Ok(Fitted {
        tokens,
        unseen_messages: 0,
        unseen_tokens: 0,
        goes_on,
        stop: Vec::new(),
    })
}

enum TemplateInUse<'a> {
    Own(&'a ChatTemplate),
    BuiltIn(Box<ChatTemplate>),
}

/// A conversation on its way to tokens.
struct Chat<'a> {
    model: &'a OpenedModel,
    template: TemplateInUse<'a>,
    /// What the model is told before: never left out.
    system: Vec<Message>,
    /// Not empty.
    messages: &'a [Message],
    /// The beginning of the answer.
    unfinished: Option<&'a str>,
    stop: Vec<String>,
}

impl Chat<'_> {
    /// The longest end of the conversation that leaves room for the answer. It begins with a message of the person, so that
    /// turns still alternate; the system prompt and the person's last message are always in it.
    fn fit(self, max_new_tokens: usize, context_tokens: usize) -> Result<Fitted, EngineError> {
        let most = most_tokens(max_new_tokens, context_tokens);
        let tokens = self.encode(0)?;
        if tokens.len() <= most {
            return Ok(self.fitted(tokens, 0));
        }
        let users = |(at, message): (usize, &Message)| (message.role == "user").then_some(at);
        let mut starts: Vec<usize> = self.messages.iter().enumerate().filter_map(users).collect();
        starts.retain(|&start| start > 0);
        // The first start that fits: later ones are shorter, so half of the rest is out with every try.
        let mut best: Option<(usize, Vec<u32>)> = None;
        let (mut low, mut high) = (0, starts.len());
        while low < high {
            let middle = (low + high) / 2;
            let tokens = self.encode(starts[middle])?;
            if tokens.len() <= most {
                best = Some((starts[middle], tokens));
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        if let Some((start, tokens)) = best {
            return Ok(self.fitted(tokens, start));
        }
        // Only the last message is left: it may take some of the answer's room.
        let start = starts.last().copied().unwrap_or(0);
        let tokens = if start == 0 {
            tokens
        } else {
            self.encode(start)?
        };
        let room = context_tokens - most;
        if tokens.len() + room.min(LEAST_ANSWER_TOKENS) <= context_tokens {
            return Ok(self.fitted(tokens, start));
        }
        Err(EngineError::ContextFull {
            prompt_tokens: tokens.len(),
            context_tokens,
        })
    }

    fn fitted(self, tokens: Vec<u32>, start: usize) -> Fitted {
        Fitted {
            tokens,
            unseen_messages: start as u32,
            unseen_tokens: 0,
            goes_on: self.unfinished.is_some(),
            stop: self.stop,
        }
    }

    /// Tokens of the conversation from the message `start` on, up to where the answer goes on.
    fn encode(&self, start: usize) -> Result<Vec<u32>, EngineError> {
        let tokenizer = &self.model.vocabulary.tokenizer;
        let conversation: Vec<Message> = self
            .system
            .iter()
            .chain(&self.messages[start..])
            .cloned()
            .collect();
        let template = match &self.template {
            TemplateInUse::Own(template) => template,
            TemplateInUse::BuiltIn(template) => template.as_ref(),
        };
        let mut rendered = template.render(&conversation, true)?;
        let Some(unfinished) = self.unfinished.filter(|text| !text.is_empty()) else {
            return Ok(encode_rendered(tokenizer, &rendered)?.ids);
        };
        if rendered.contents_exact {
            // Encoded in one piece with what stands before it, as it would be if it were finished.
            let begin = rendered.text.len();
            rendered.text.push_str(unfinished);
            rendered.content_spans.push(begin..rendered.text.len());
            return Ok(encode_rendered(tokenizer, &rendered)?.ids);
        }
        let mut tokens = encode_rendered(tokenizer, &rendered)?.ids;
        tokens.extend(tokenizer.encode(unfinished, Special::Plain)?);
        Ok(tokens)
    }
}
