//! "Check this model": candle-transformers, an independent decoder, answers beside ours.

use std::collections::HashMap;
use std::fs::File;

use candle_core::quantized::gguf_file;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{llama, quantized_llama};
use nc_model::{
    Compute, DecoderSpec, ElementType, Logits, ModelFiles, ModelLocation, Norm, OpenOptions,
    Positions, RotaryScaling, Sampler, Sampling,
};
use nc_text::Message;

use crate::{Cancel, EngineError, OpenedModel, Prompt, Template, open};

/// Tokens each decoder writes.
const NEW_TOKENS: usize = 24;

/// Two decoders' answers to the same prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// The prompt both were given.
    pub prompt: String,
    /// What our decoder continues with, greedily.
    pub ours: String,
    /// What candle-transformers continues with, greedily.
    pub independent: String,
    /// Tokens whose logits were compared: the prompt, and what our decoder wrote.
    pub tokens: u32,
    /// Largest difference between two logits.
    pub largest_logit_difference: f64,
    /// Both wrote the same tokens.
    pub agree: bool,
}

/// Runs both decoders, ours with `compute`, one after the other, so that only one is in memory at a time.
///
/// # Errors
/// What is wrong with the files; [`EngineError::NotCheckable`] for a model that candle-transformers computes differently by
/// design; [`EngineError::Independent`] when it fails.
pub fn check(location: &ModelLocation, compute: Compute) -> Result<CheckReport, EngineError> {
    let files = ModelFiles::open(location)?;
    refuse_unknown(&files)?;
    // Nothing is rounded that the other decoder does not round.
    let options = OpenOptions {
        cache_element: Some(ElementType::F32),
        compute: Some(compute),
        ..OpenOptions::default()
    };
    let model = open(location, &options, &Cancel::default(), &mut |_| ())?;
    let (shown, prompt) = prompt(&model)?;
    let ours = our_answer(&model, &prompt)?;
    let OpenedModel { vocabulary, .. } = model;

    let mut independent = Independent::load(&files)?;
    let mut agree = true;
    let mut largest: f64 = 0.0;
    let sequence = ours.sequence(&prompt);
    for (position, (&token, expected)) in sequence.iter().zip(&ours.logits).enumerate() {
        let logits = independent.step(token, position)?;
        for (a, b) in logits.iter().zip(expected) {
            largest = largest.max(f64::from((a - b).abs()));
        }
        if position + 1 >= prompt.len() {
            agree &= greedy(&logits)? == greedy(expected)?;
        }
    }
    let its_tokens = match agree {
        true => ours.tokens.clone(),
        // They part ways somewhere: let it write on its own.
        false => independent
            .restart(&files)?
            .write(&prompt, &vocabulary.end_tokens)?,
    };
    Ok(CheckReport {
        prompt: shown,
        ours: vocabulary.tokenizer.decode(&ours.tokens)?,
        independent: vocabulary.tokenizer.decode(&its_tokens)?,
        tokens: sequence.len() as u32,
        largest_logit_difference: largest,
        agree,
    })
}

/// A greeting for a chat model, the beginning of a story for others.
fn prompt(model: &OpenedModel) -> Result<(String, Vec<u32>), EngineError> {
    let (shown, prompt) = match &model.vocabulary.template {
        Some((_, Ok(_))) => {
            let text = "Hello! What can you do?";
            let prompt = Prompt::Chat {
                system: None,
                messages: vec![Message::new("user", text)],
                template: Template::Model,
                continue_last: false,
            };
            (text, prompt)
        }
        _ => {
            let text = "Once upon a time";
            let prompt = Prompt::Text {
                text: text.to_owned(),
                add_bos: true,
            };
            (text, prompt)
        }
    };
    Ok((shown.to_owned(), model.fit(&prompt, NEW_TOKENS)?.tokens))
}

struct OurAnswer {
    tokens: Vec<u32>,
    /// Of every token of the prompt and of the answer but its last.
    logits: Vec<Vec<f32>>,
}

impl OurAnswer {
    /// The tokens that have logits.
    fn sequence(&self, prompt: &[u32]) -> Vec<u32> {
        prompt
            .iter()
            .chain(&self.tokens)
            .copied()
            .take(self.logits.len())
            .collect()
    }
}

fn our_answer(model: &OpenedModel, prompt: &[u32]) -> Result<OurAnswer, EngineError> {
    let mut cache = model.decoder.new_cache(model.info.context_tokens as usize);
    let all = model.decoder.forward(prompt, &mut cache, Logits::All)?;
    let rows = all.chunks(model.decoder.spec().vocabulary);
    let mut logits: Vec<Vec<f32>> = rows.map(<[f32]>::to_vec).collect();
    let mut tokens = Vec::new();
    while let Some(last) = logits.last() {
        let token = greedy(last)?;
        if model.vocabulary.end_tokens.contains(&token) {
            break;
        }
        tokens.push(token);
        if tokens.len() == NEW_TOKENS || cache.tokens() == cache.limit_tokens() {
            break;
        }
        let next = model.decoder.forward(&[token], &mut cache, Logits::Last)?;
        logits.push(next);
    }
    Ok(OurAnswer { tokens, logits })
}

fn greedy(logits: &[f32]) -> Result<u32, EngineError> {
    Ok(Sampler::new(Sampling::greedy(), &[])?.draw(&mut logits.to_vec())?)
}

/// candle-transformers' decoder, fed token by token since it gives the last token's logits only.
enum Independent {
    Safetensors {
        model: Box<llama::Llama>,
        cache: Box<llama::Cache>,
        config: Box<llama::Config>,
    },
    Gguf(Box<quantized_llama::ModelWeights>),
}

impl Independent {
    fn load(files: &ModelFiles) -> Result<Self, EngineError> {
        match files.gguf() {
            Some(file) => {
                let path = file.source().name();
                let mut file = File::open(path).map_err(|error| independent(error.into()))?;
                let content = gguf_file::Content::read(&mut file).map_err(independent)?;
                quantized_llama::ModelWeights::from_gguf(content, &mut file, &Device::Cpu)
                    .map(|model| Self::Gguf(Box::new(model)))
                    .map_err(independent)
            }
            None => {
                let names = files.tensors().keys();
                let tensors: HashMap<String, Tensor> = names
                    .map(|name| Ok((name.clone(), files.read_f32(name)?)))
                    .collect::<Result<_, EngineError>>()?;
                let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
                let config = config(files.spec());
                let model = llama::Llama::load(builder, &config).map_err(independent)?;
                Ok(Self::Safetensors {
                    model: Box::new(model),
                    cache: Box::new(empty_cache(&config)?),
                    config: Box::new(config),
                })
            }
        }
    }

    fn step(&mut self, token: u32, position: usize) -> Result<Vec<f32>, EngineError> {
        let logits = Tensor::new(&[[token]], &Device::Cpu).and_then(|token| match self {
            Self::Safetensors { model, cache, .. } => model.forward(&token, position, cache),
            Self::Gguf(model) => model.forward(&token, position),
        });
        logits
            .and_then(|logits| logits.flatten_all()?.to_vec1())
            .map_err(independent)
    }

    /// The same decoder with an empty cache.
    fn restart(self, files: &ModelFiles) -> Result<Self, EngineError> {
        match self {
            Self::Safetensors { model, config, .. } => Ok(Self::Safetensors {
                model,
                cache: Box::new(empty_cache(&config)?),
                config,
            }),
            Self::Gguf(_) => Self::load(files),
        }
    }

    fn write(mut self, prompt: &[u32], end_tokens: &[u32]) -> Result<Vec<u32>, EngineError> {
        let mut logits = Vec::new();
        for (position, &token) in prompt.iter().enumerate() {
            logits = self.step(token, position)?;
        }
        let mut tokens = Vec::new();
        while tokens.len() < NEW_TOKENS {
            let token = greedy(&logits)?;
            if end_tokens.contains(&token) {
                break;
            }
            logits = self.step(token, prompt.len() + tokens.len())?;
            tokens.push(token);
        }
        Ok(tokens)
    }
}

fn independent(error: candle_core::Error) -> EngineError {
    EngineError::Independent(error)
}

fn empty_cache(config: &llama::Config) -> Result<llama::Cache, EngineError> {
    llama::Cache::new(true, DType::F32, config, &Device::Cpu).map_err(independent)
}

/// candle-transformers leaves some traits out without saying so; its answer would differ although ours is right.
fn refuse_unknown(files: &ModelFiles) -> Result<(), EngineError> {
    let spec = files.spec();
    let Positions::Rotary(rotary) = spec.positions;
    let in_gguf = files.gguf().is_some();
    let attention = &spec.attention;
    let feature = match rotary.scaling {
        _ if attention.input_bias || attention.output_bias || spec.mlp.bias => "biases",
        _ if attention.heads * attention.head_dim != spec.hidden_size => "this width of heads",
        RotaryScaling::Linear { .. } => "linear scaling of positions",
        RotaryScaling::Stored => "stored scaling of positions",
        RotaryScaling::Llama3 { .. } if in_gguf => "this scaling of positions",
        RotaryScaling::Plain | RotaryScaling::Llama3 { .. } => return Ok(()),
    };
    Err(EngineError::NotCheckable {
        feature: feature.to_owned(),
    })
}

fn config(spec: &DecoderSpec) -> llama::Config {
    let Norm::RootMeanSquare { epsilon } = spec.norm;
    let Positions::Rotary(rotary) = spec.positions;
    llama::Config {
        hidden_size: spec.hidden_size,
        intermediate_size: spec.mlp.intermediate_size,
        vocab_size: spec.vocabulary,
        num_hidden_layers: spec.layers,
        num_attention_heads: spec.attention.heads,
        num_key_value_heads: spec.attention.kv_heads,
        use_flash_attn: false,
        rms_norm_eps: f64::from(epsilon),
        rope_theta: rotary.theta,
        bos_token_id: None,
        eos_token_id: None,
        rope_scaling: match rotary.scaling {
            RotaryScaling::Llama3 {
                factor,
                low,
                high,
                original_context,
            } => Some(llama::Llama3RopeConfig {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original_context as usize,
                rope_type: llama::Llama3RopeType::Llama3,
            }),
            _ => None,
        },
        // Its tables of angles are made for the whole context at once.
        max_position_embeddings: spec.context_tokens.min(4096),
        tie_word_embeddings: spec.tied_output,
    }
}
