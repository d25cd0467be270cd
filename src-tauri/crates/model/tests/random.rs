//! Decoders with random weights: what the benchmarks run.

use nc_kernels::{Int4Group, Paths, WeightFormat};
use nc_model::{
    AttentionShape, Compute, Decoder, DecoderSpec, KernelPath, Logits, Mlp, RandomWeights,
};

fn small() -> DecoderSpec {
    let preset = DecoderSpec::preset("llama-1.1b").expect("a preset");
    DecoderSpec {
        vocabulary: 300,
        hidden_size: 256,
        layers: 8,
        attention: AttentionShape {
            heads: 4,
            kv_heads: 2,
            head_dim: 64,
            ..preset.attention
        },
        mlp: Mlp {
            intermediate_size: 512,
            ..preset.mlp
        },
        ..preset
    }
}

#[test]
fn presets_have_their_sizes() {
    let parameters = |name| DecoderSpec::preset(name).expect("a preset").parameters();
    assert_eq!(parameters("llama-1.1b"), 1_100_048_384);
    assert_eq!(parameters("llama-7b"), 6_738_415_616);
    assert!(DecoderSpec::preset("gpt-5").is_none());
}

#[test]
fn random_weights_keep_activations_in_bounds() {
    let mixtures = WeightFormat::ALL.map(RandomWeights::Uniform);
    let tokens: Vec<u32> = (0..40).map(|index| index * 7 % 300).collect();
    for weights in mixtures.into_iter().chain([RandomWeights::Q4KM]) {
        let decoder = Decoder::random(small(), weights, Compute::new(KernelPath::strongest(), 2));
        let mut cache = decoder.new_cache(64);
        let logits = decoder
            .forward(&tokens, &mut cache, Logits::All)
            .expect("logits");
        assert_eq!(logits.len(), 40 * 300);
        let largest = logits
            .iter()
            .fold(0.0_f32, |largest, logit| largest.max(logit.abs()));
        assert!(largest > 0.1 && largest < 100.0, "{weights:?}: {largest}");
        assert!(decoder.bytes_per_token() < decoder.weight_bytes());
    }
}

#[test]
fn a_step_of_decoding_reads_the_bits_its_weights_have() {
    for (weights, bits) in [
        (WeightFormat::Q4_0, 4.5),
        (WeightFormat::Q8_0, 8.5),
        (WeightFormat::Bf16, 16.0),
        (WeightFormat::Q4K, 4.625),
        (
            WeightFormat::Int4 {
                group: Int4Group::G128,
                symmetric: true,
            },
            4.125,
        ),
    ] {
        let decoder = Decoder::random(
            small(),
            RandomWeights::Uniform(weights),
            Compute::new(KernelPath::strongest(), 1),
        );
        let spec = decoder.spec();
        let matrices = spec.parameters() - 300 * 256 - 17 * 256;
        // 300 rows of the output are padded to 304; norms are f32.
        let expected = (matrices + 4 * 256) as f64 * bits / 8.0 + f64::from(17 * 256 * 4);
        assert_eq!(decoder.bytes_per_token() as f64, expected, "{weights}");
    }
}

#[test]
fn the_number_of_rows_decides_the_path_and_nothing_else() {
    let (weak, strong) = (KernelPath::all()[0], KernelPath::strongest());
    if weak == strong {
        eprintln!("this machine has one path: mixed ones are not tested");
        return;
    }
    let tokens: Vec<u32> = (0..40).map(|index| index * 7 % 300).collect();
    let decoder =
        |compute| Decoder::random(small(), RandomWeights::Uniform(WeightFormat::Bf16), compute);
    let all = |decoder: &Decoder, tokens: &[u32]| {
        let mut cache = decoder.new_cache(64);
        let logits = decoder.forward(tokens, &mut cache, Logits::All);
        logits.expect("logits")
    };
    let mixed = Compute::new(weak, 2).with_paths(Paths {
        prefill: strong,
        ..Paths::all(weak)
    });
    let (weak, mixed, strong) = (
        decoder(Compute::new(weak, 2)),
        decoder(mixed),
        decoder(Compute::new(strong, 2)),
    );
    assert_eq!(all(&mixed, &tokens), all(&strong, &tokens), "40 rows");
    assert_eq!(
        all(&mixed, &tokens[..16]),
        all(&weak, &tokens[..16]),
        "16 rows"
    );
    assert_ne!(
        all(&mixed, &tokens),
        all(&weak, &tokens),
        "paths differ in last bits"
    );

    // After the same prompt, tokens read together have the bits of those read one by one.
    let (prompt, rest) = tokens.split_at(24);
    let after_prompt = |pieces: &[&[u32]]| {
        let mut cache = mixed.new_cache(64);
        let mut read = |piece: &[u32]| mixed.forward(piece, &mut cache, Logits::All);
        read(prompt).expect("logits");
        let logits = pieces.iter().flat_map(|piece| read(piece).expect("logits"));
        logits.collect::<Vec<f32>>()
    };
    let one_by_one: Vec<&[u32]> = rest.chunks(1).collect();
    assert_eq!(after_prompt(&[rest]), after_prompt(&one_by_one));
}
