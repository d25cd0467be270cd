//! The model inside the program.

/// Its files, by name, as a Hugging Face folder has them.
pub(crate) const FILES: &[(&str, &[u8])] = &[
    (
        "config.json",
        include_bytes!("../../../../assets/starter/config.json"),
    ),
    (
        "generation_config.json",
        include_bytes!("../../../../assets/starter/generation_config.json"),
    ),
    (
        "model.safetensors",
        include_bytes!("../../../../assets/starter/model.safetensors"),
    ),
    (
        "tokenizer.json",
        include_bytes!("../../../../assets/starter/tokenizer.json"),
    ),
    (
        "tokenizer_config.json",
        include_bytes!("../../../../assets/starter/tokenizer_config.json"),
    ),
];

/// What people call it.
pub(crate) const NAME: &str = "NeuralChat Starter";

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn fits_the_program() {
        let bytes: usize = FILES.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(
            bytes <= 12_000_000,
            "the starter is {bytes} bytes; it may be 12 MB"
        );
    }
}
