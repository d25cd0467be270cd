//! Questions that a run is not trained on, to ask the model before and after.

use nc_data::{Content, Example, Pair};
use nc_text::Message;

use crate::batch::Unit;
use crate::error::Result;
use crate::recipe::{Recipe, Stage};
use crate::sample::{Encoder, Sample};

/// What somebody asks, and what the data answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The conversation up to the answer.
    pub messages: Vec<Message>,
    /// The answer to be learnt, or preferred.
    pub answer: String,
}

/// A question that stands for its row: it is held out where the row is.
struct Asked(Option<Question>);

impl Unit for Asked {
    const SEQUENCES: usize = 1;

    fn sequences(&self) -> impl Iterator<Item = &Sample> {
        std::iter::empty()
    }
}

impl Recipe {
    /// The questions of the rows that are held out from training, at most `most`, in the order of the files; none where the recipe holds
    /// nothing out or its rows are texts without turns.
    ///
    /// # Errors
    /// As [`samples`](Self::samples).
    pub fn held_out_questions(&self, encoder: &Encoder, most: usize) -> Result<Vec<Question>> {
        if self.data.held_out == 0.0 && self.data.held_out_file.is_none() {
            return Ok(Vec::new());
        }
        let prepared = match self.stage {
            Stage::Sft => {
                let encode = |example: &Example| {
                    encoder.encode(example)?;
                    Ok(Asked(question(&example.content)))
                };
                self.prepare(&encode, |path, options, rows| {
                    nc_data::read_examples(path, options, |example| rows.take(example))
                })?
            }
            Stage::Preference => {
                let options = self.pair_options();
                let encode = |pair: &Pair| {
                    encoder.encode_pair(pair, options)?;
                    Ok(Asked(Some(Question {
                        messages: pair.prompt.clone(),
                        answer: pair.chosen.clone(),
                    })))
                };
                self.prepare(&encode, |path, options, rows| {
                    nc_data::read_pairs(path, options, |pair| rows.take(pair))
                })?
            }
        };
        let questions = prepared
            .held_out
            .into_iter()
            .filter_map(|Asked(asked)| asked);
        Ok(questions.take(most).collect())
    }
}

/// The last answer of a conversation and what comes before it.
fn question(content: &Content) -> Option<Question> {
    let Content::Conversation { messages, .. } = content else {
        return None;
    };
    let last = messages
        .iter()
        .rposition(|message| message.role == "assistant")?;
    Some(Question {
        messages: messages[..last].to_vec(),
        answer: messages[last].content.clone(),
    })
}
