//! Between the library's rows and what travels to the page.

use nc_engine::{OwnSampling, Template};
use nc_library::{ChatRow, MessageRow, MessageState, PathMessage};
use nc_text::Fallback;
use serde_json::Value;

use crate::dto::{
    AnswerStats, ChatKind, ChatSettings, ChatSummary, Message, MessageStanding, Role, Sampling,
    TemplateChoice,
};
use crate::{ApiError, ErrorCode};

pub(crate) fn chat_kind(kind: nc_library::ChatKind) -> ChatKind {
    match kind {
        nc_library::ChatKind::Chat => ChatKind::Chat,
        nc_library::ChatKind::Text => ChatKind::Text,
    }
}

pub(crate) fn chat_kind_from(kind: ChatKind) -> nc_library::ChatKind {
    match kind {
        ChatKind::Chat => nc_library::ChatKind::Chat,
        ChatKind::Text => nc_library::ChatKind::Text,
    }
}

pub(crate) fn role(role: nc_library::Role) -> Role {
    match role {
        nc_library::Role::User => Role::User,
        nc_library::Role::Assistant => Role::Assistant,
    }
}

pub(crate) fn summary(chat: ChatRow, excerpt: String) -> ChatSummary {
    ChatSummary {
        id: chat.id,
        title: chat.title,
        kind: chat_kind(chat.kind),
        pinned: chat.pinned,
        updated_at: chat.updated_at,
        excerpt,
    }
}

/// Settings as they were stored; what no longer reads becomes the default.
pub(crate) fn settings(value: &Value) -> ChatSettings {
    ChatSettings::deserialize_or_default(value)
}

pub(crate) fn settings_json(settings: &ChatSettings) -> Result<Value, ApiError> {
    to_value(settings)
}

pub(crate) fn to_value(value: &impl serde::Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(value).map_err(|error| {
        ApiError::new(
            ErrorCode::Internal,
            error.to_string(),
            "Please report this as a bug.",
        )
    })
}

impl ChatSettings {
    fn deserialize_or_default(value: &Value) -> Self {
        serde_json::from_value(value.clone()).unwrap_or_default()
    }
}

pub(crate) fn standing(row: &MessageRow) -> MessageStanding {
    match row.state {
        MessageState::Complete => MessageStanding::Complete,
        MessageState::Writing => MessageStanding::Writing,
        MessageState::Stopped => MessageStanding::Stopped,
        MessageState::CutAtLength => MessageStanding::CutAtLength,
        MessageState::Interrupted => MessageStanding::Interrupted,
        MessageState::Failed => MessageStanding::Failed {
            error: row
                .error
                .as_ref()
                .and_then(|value| serde_json::from_value(value.clone()).ok())
                .unwrap_or_else(|| {
                    ApiError::new(
                        ErrorCode::GenerationFailed,
                        "The answer failed; the cause was not kept.",
                        "Try again.",
                    )
                }),
        },
    }
}

pub(crate) fn message(message: PathMessage) -> Message {
    let PathMessage { row, siblings } = message;
    Message {
        id: row.id,
        parent: row.parent,
        role: role(row.role),
        standing: standing(&row),
        stats: row
            .stats
            .as_ref()
            .and_then(|value| serde_json::from_value(value.clone()).ok()),
        content: row.content,
        created_at: row.created_at,
        model_name: row.model_name,
        siblings,
    }
}

pub(crate) fn stats(stats: &nc_engine::Stats) -> AnswerStats {
    AnswerStats {
        prompt_tokens: stats.prompt_tokens,
        cached_tokens: stats.cached_tokens,
        new_tokens: stats.new_tokens,
        first_token_ms: stats.first_token_ms,
        prompt_tokens_per_s: stats.prompt_tokens_per_s,
        tokens_per_s: stats.tokens_per_s,
        unseen_messages: stats.unseen_messages,
        unseen_tokens: stats.unseen_tokens,
        seed: stats.seed,
    }
}

pub(crate) fn engine_sampling(sampling: &Sampling) -> nc_engine::Sampling {
    nc_engine::Sampling {
        temperature: sampling.temperature,
        top_k: sampling.top_k as usize,
        top_p: sampling.top_p,
        min_p: sampling.min_p,
        repetition_penalty: sampling.repetition_penalty,
        frequency_penalty: sampling.frequency_penalty,
        presence_penalty: sampling.presence_penalty,
        seed: sampling.seed,
    }
}

/// What a chat begins with: the program's defaults under what the model's files say, knob by knob where it is in range.
pub(crate) fn default_sampling(own: &OwnSampling) -> Sampling {
    let mut sampling = Sampling::default();
    let mut take = |change: &dyn Fn(&mut Sampling)| {
        let mut changed = sampling.clone();
        change(&mut changed);
        if changed.check().is_ok() {
            sampling = changed;
        }
    };
    if let Some(value) = own.temperature {
        take(&|sampling| sampling.temperature = value);
    }
    if let Some(value) = own.top_k {
        take(&|sampling| sampling.top_k = value);
    }
    if let Some(value) = own.top_p {
        take(&|sampling| sampling.top_p = value);
    }
    if let Some(value) = own.min_p {
        take(&|sampling| sampling.min_p = value);
    }
    if let Some(value) = own.repetition_penalty {
        take(&|sampling| sampling.repetition_penalty = value);
    }
    sampling
}

pub(crate) fn template(choice: TemplateChoice) -> Template {
    match choice {
        TemplateChoice::Model => Template::Model,
        TemplateChoice::Chatml => Template::Fallback(Fallback::ChatMl),
        TemplateChoice::NeuralChat => Template::Fallback(Fallback::NeuralChat),
        TemplateChoice::Alpaca => Template::Fallback(Fallback::Alpaca),
    }
}

pub(crate) fn text_message(role: Role, content: String) -> nc_text::Message {
    let name = match role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    nc_text::Message::new(name, content)
}

impl Sampling {
    /// Refuses knobs outside their range.
    ///
    /// # Errors
    /// `BadRequest` that names the knob and its range.
    pub fn check(&self) -> Result<(), ApiError> {
        let knobs = [
            ("temperature", self.temperature, 0.0, 5.0),
            ("top-p", self.top_p, 0.0, 1.0),
            ("min-p", self.min_p, 0.0, 1.0),
            ("repetition penalty", self.repetition_penalty, 0.1, 10.0),
            ("frequency penalty", self.frequency_penalty, -10.0, 10.0),
            ("presence penalty", self.presence_penalty, -10.0, 10.0),
        ];
        for (name, value, least, most) in knobs {
            if !(least..=most).contains(&value) {
                return Err(ApiError::new(
                    ErrorCode::BadRequest,
                    format!("The {name} is {value}."),
                    format!("Choose a value from {least} to {most}."),
                ));
            }
        }
        if self.max_new_tokens == 0 {
            return Err(ApiError::new(
                ErrorCode::BadRequest,
                "An answer of at most 0 tokens is no answer.",
                "Choose a length of at least 1 token.",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_knobs_have_ranges() {
        let check = |change: fn(&mut Sampling), fine: bool| {
            let mut sampling = Sampling::default();
            change(&mut sampling);
            assert_eq!(sampling.check().is_ok(), fine, "{sampling:?}");
        };
        check(|_| (), true);
        check(|sampling| sampling.temperature = 0.0, true);
        check(|sampling| sampling.temperature = -0.1, false);
        check(|sampling| sampling.temperature = f32::NAN, false);
        check(|sampling| sampling.top_p = 1.5, false);
        check(|sampling| sampling.min_p = -1.0, false);
        check(|sampling| sampling.repetition_penalty = 0.0, false);
        check(|sampling| sampling.max_new_tokens = 0, false);
    }

    #[test]
    fn a_models_own_sampling_goes_over_the_defaults() {
        let check = |own: OwnSampling, change: fn(&mut Sampling)| {
            let mut expected = Sampling::default();
            change(&mut expected);
            assert_eq!(default_sampling(&own), expected, "{own:?}");
        };
        check(OwnSampling::default(), |_| ());
        let own = OwnSampling {
            temperature: Some(0.3),
            top_k: Some(0),
            top_p: Some(0.9),
            min_p: Some(0.0),
            repetition_penalty: Some(1.1),
        };
        check(own, |sampling| {
            sampling.temperature = 0.3;
            sampling.top_k = 0;
            sampling.top_p = 0.9;
            sampling.min_p = 0.0;
            sampling.repetition_penalty = 1.1;
        });
        // One knob beyond its range spoils no other.
        let wild = OwnSampling {
            temperature: Some(50.0),
            repetition_penalty: Some(1e6),
            ..own
        };
        check(wild, |sampling| {
            sampling.top_k = 0;
            sampling.top_p = 0.9;
            sampling.min_p = 0.0;
        });
    }

    #[test]
    fn settings_that_no_longer_read_become_the_defaults() {
        assert_eq!(settings(&Value::Null), ChatSettings::default());
        assert_eq!(
            settings(&serde_json::json!({"system_prompt": "Be brief."})).system_prompt,
            "Be brief."
        );
    }
}
