//! How well models predict a real text, on every path, beside the twin that rounds nothing.

mod common;

use std::ops::ControlFlow;

use common::{open, root, starter, stories};
use nc_model::twin::TwinDecoder;
use nc_model::{Compute, KernelPath, Logits, ModelFiles, ModelLocation, OpenOptions};
use nc_text::Special;

/// Of the text.
const BYTES: usize = 20_000;
/// Tokens predicted from what is before them in the same piece.
const PIECE_TOKENS: usize = 256;

/// `e` to the mean negative log-likelihood of each piece's tokens but its first.
fn perplexity(
    pieces: &[Vec<u32>],
    vocabulary: usize,
    mut logits: impl FnMut(&[u32]) -> Vec<f32>,
) -> f64 {
    let (mut total, mut count) = (0.0, 0);
    for piece in pieces {
        let logits = logits(piece);
        for (row, &next) in logits.chunks(vocabulary).zip(&piece[1..]) {
            let largest = row
                .iter()
                .fold(f32::NEG_INFINITY, |largest, logit| largest.max(*logit));
            let sum: f64 = row
                .iter()
                .map(|logit| f64::from(logit - largest).exp())
                .sum();
            total += sum.ln() + f64::from(largest - row[next as usize]);
            count += 1;
        }
    }
    (total / f64::from(count)).exp()
}

fn check(path: std::path::PathBuf, text: &str) {
    let model = open(path.clone()).expect("a model");
    let tokens = model
        .tokenizer()
        .encode(text, Special::Plain)
        .expect("tokens");
    let pieces: Vec<Vec<u32>> = tokens
        .chunks(PIECE_TOKENS)
        .filter(|piece| piece.len() > 1)
        .map(<[u32]>::to_vec)
        .collect();
    let files = ModelFiles::open(&ModelLocation::Path(path.clone())).expect("a model's files");
    let vocabulary = files.spec().vocabulary;
    let twin = TwinDecoder::new(&files).expect("a twin");
    let expected = perplexity(&pieces, vocabulary, |piece| {
        let logits = twin
            .forward(piece)
            .and_then(|logits| Ok(logits.flatten_all()?.to_vec1()?));
        logits.expect("logits")
    });
    assert!(
        expected > 1.0 && expected < vocabulary as f64 * 100.0,
        "{expected}"
    );
    for kernels in KernelPath::all() {
        let options = OpenOptions {
            compute: Some(Compute::new(kernels, 2)),
            ..OpenOptions::default()
        };
        let loaded = files
            .load(&options, &mut |_| ControlFlow::Continue(()))
            .expect("a decoder");
        let found = perplexity(&pieces, vocabulary, |piece| {
            let mut cache = loaded.decoder.new_cache(piece.len());
            loaded
                .decoder
                .forward(piece, &mut cache, Logits::All)
                .expect("logits")
        });
        let difference = found / expected - 1.0;
        eprintln!(
            "{} on {kernels}: {found:.4}, twin {expected:.4}, {:+.4} %",
            path.display(),
            difference * 100.0
        );
        assert!(
            difference.abs() < 0.005,
            "{} on {kernels}: {found} instead of {expected}",
            path.display()
        );
    }
}

#[test]
fn fast_paths_predict_as_well_as_the_twin() {
    let file = root("../shared/data/text/wiki.test.raw");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("SKIPPED: {} is not there", file.display());
        return;
    };
    let text = &text[..text.floor_char_boundary(BYTES)];
    check(starter(), text);
    if let Some(stories) = stories() {
        check(stories, text);
    }
}
