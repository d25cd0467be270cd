//! How a model's makers would have it sampled: generation_config.json.

use nc_model::{ModelFiles, Sampling};
use serde_json::{Map, Value};

use crate::EngineError;

/// The sampling that a model comes with; none where its files say nothing, or nothing that can be.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OwnSampling {
    /// 0, the likeliest token always, also where the files say `do_sample: false`.
    pub temperature: Option<f32>,
    /// Keep the k likeliest tokens; 0 is off.
    pub top_k: Option<u32>,
    /// Keep the fewest likeliest tokens that together reach this probability; 1 is off.
    pub top_p: Option<f32>,
    /// Drop tokens less likely than this share of the likeliest; 0 is off.
    pub min_p: Option<f32>,
    /// Logits of tokens already seen are divided by it; 1 is off.
    pub repetition_penalty: Option<f32>,
}

impl OwnSampling {
    pub(crate) fn of(configured: Option<&Value>) -> Self {
        let Some(Value::Object(fields)) = configured else {
            return Self::default();
        };
        let greedy = fields.get("do_sample") == Some(&Value::Bool(false));
        Self {
            temperature: match greedy {
                true => Some(0.0),
                false => number(fields, "temperature", |sampling, value| {
                    sampling.temperature = value;
                }),
            },
            top_k: fields
                .get("top_k")
                .and_then(Value::as_u64)
                .and_then(|k| u32::try_from(k).ok()),
            top_p: number(fields, "top_p", |sampling, value| sampling.top_p = value),
            min_p: number(fields, "min_p", |sampling, value| sampling.min_p = value),
            repetition_penalty: number(fields, "repetition_penalty", |sampling, value| {
                sampling.repetition_penalty = value;
            }),
        }
    }
}

/// A knob's value, where the sampler would take it.
fn number(
    fields: &Map<String, Value>,
    name: &str,
    set: impl FnOnce(&mut Sampling, f32),
) -> Option<f32> {
    let value = fields.get(name)?.as_f64()? as f32;
    let mut sampling = Sampling::default();
    set(&mut sampling, value);
    sampling.check().is_ok().then_some(value)
}

/// What generation_config.json says; none where there is none that reads.
pub(crate) fn generation_config(files: &ModelFiles) -> Result<Option<Value>, EngineError> {
    let text = files.text("generation_config.json")?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_can_be_is_taken_and_the_rest_ignored() {
        let check = |config: Value, expected: OwnSampling| {
            assert_eq!(OwnSampling::of(Some(&config)), expected, "{config}");
        };
        let none = OwnSampling::default();
        check(
            json!({
                "do_sample": true, "temperature": 0.3, "top_k": 20, "top_p": 0.9, "min_p": 0.1,
                "repetition_penalty": 1.1, "eos_token_id": [2, 0]
            }),
            OwnSampling {
                temperature: Some(0.3),
                top_k: Some(20),
                top_p: Some(0.9),
                min_p: Some(0.1),
                repetition_penalty: Some(1.1),
            },
        );
        // Each knob stands for itself.
        check(
            json!({ "temperature": "warm", "top_k": 20.5, "top_p": 1, "min_p": null, "repetition_penalty": 0 }),
            OwnSampling {
                top_p: Some(1.0),
                ..none
            },
        );
        check(
            json!({ "temperature": -1, "top_k": -1, "top_p": 1.5, "min_p": 2, "repetition_penalty": 1e300 }),
            none,
        );
        check(json!({ "top_k": 1u64 << 40, "top_p": 0 }), none);
        check(
            json!({ "do_sample": false, "temperature": 0.9 }),
            OwnSampling {
                temperature: Some(0.0),
                ..none
            },
        );
        check(json!({ "do_sample": "no" }), none);
        check(json!([0.3]), none);
        assert_eq!(OwnSampling::of(None), none);
    }
}
