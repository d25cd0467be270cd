//! The model behind both tokenizers of one vocabulary (one that recognises control tokens and one that does not).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokenizers::models::bpe::BpeTrainer;
use tokenizers::{Model, ModelWrapper, Token};

use super::spm::SentencePieces;

/// A vocabulary with its way of cutting text, shared rather than copied.
#[derive(Clone)]
pub(super) struct SharedModel(Arc<Inner>);

struct Inner {
    kind: Kind,
    /// Ids of added tokens that the model itself does not list, as the file declares them.
    declared: HashMap<String, u32>,
}

enum Kind {
    Library(Box<ModelWrapper>),
    SentencePiece(Box<SentencePieces>),
}

impl SharedModel {
    pub(super) fn library(model: ModelWrapper, declared: HashMap<String, u32>) -> Self {
        Self(Arc::new(Inner {
            kind: Kind::Library(Box::new(model)),
            declared,
        }))
    }

    pub(super) fn sentence_piece(pieces: SentencePieces) -> Self {
        Self(Arc::new(Inner {
            kind: Kind::SentencePiece(Box::new(pieces)),
            declared: HashMap::new(),
        }))
    }
}

impl Model for SharedModel {
    type Trainer = BpeTrainer;

    fn tokenize(&self, sequence: &str) -> tokenizers::Result<Vec<Token>> {
        match &self.0.kind {
            Kind::Library(model) => model.tokenize(sequence),
            Kind::SentencePiece(pieces) => Ok(pieces.tokenize(sequence)?),
        }
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        match &self.0.kind {
            Kind::Library(model) => model.token_to_id(token),
            Kind::SentencePiece(pieces) => pieces.id(token),
        }
        .or_else(|| self.0.declared.get(token).copied())
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        match &self.0.kind {
            Kind::Library(model) => model.id_to_token(id),
            Kind::SentencePiece(pieces) => pieces.text(id).map(str::to_owned),
        }
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        match &self.0.kind {
            Kind::Library(model) => model.get_vocab(),
            Kind::SentencePiece(pieces) => pieces.vocabulary(),
        }
    }

    fn get_vocab_size(&self) -> usize {
        match &self.0.kind {
            Kind::Library(model) => model.get_vocab_size(),
            Kind::SentencePiece(pieces) => pieces.len(),
        }
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("a model in use is not saved".into())
    }

    fn get_trainer(&self) -> BpeTrainer {
        BpeTrainer::default()
    }
}
