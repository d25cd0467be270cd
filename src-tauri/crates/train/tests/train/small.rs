//! A small tokenizer of our own: all bytes, a few merges, control tokens.

use nc_text::{GgufVocab, Message, Tokenizer};

pub const END: u32 = 261;
pub const BOS: u32 = 262;
pub const EOS: u32 = 263;

/// The 256 characters that stand for bytes in byte-level vocabularies, in the order of the bytes.
fn byte_alphabet() -> Vec<String> {
    let mut next = 0x100u32;
    let code = |byte: u32| {
        let printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        if printable {
            return byte;
        }
        next += 1;
        next - 1
    };
    let codes = (0..=255).map(code);
    codes
        .map(|code| char::from_u32(code).expect("a character").to_string())
        .collect()
}

/// Byte-level, with the control tokens of ChatML.
pub fn tokenizer(adds_bos: bool) -> Tokenizer {
    let mut tokens = byte_alphabet();
    let merged = ["he", "hel", "ĊĊ", "us"];
    tokens.extend(merged.map(String::from));
    tokens.extend(["<|im_start|>", "<|im_end|>", "<|bos|>", "<|eos|>"].map(String::from));
    let mut types = vec![1; 260];
    types.extend([3; 4]);
    let vocabulary = GgufVocab {
        model: "gpt2".to_owned(),
        pre: Some("gpt-2".to_owned()),
        tokens,
        types,
        merges: ["h e", "he l", "Ċ Ċ", "u s"].map(String::from).to_vec(),
        bos: Some(BOS),
        eos: Some(EOS),
        add_bos: Some(adds_bos),
        ..GgufVocab::default()
    };
    Tokenizer::from_gguf(&vocabulary).expect("a tokenizer")
}

pub fn turns(turns: &[(&str, &str)]) -> Vec<Message> {
    let turns = turns.iter();
    turns
        .map(|(role, words)| Message::new(*role, *words))
        .collect()
}

/// Tokens in a row, what is trained in brackets: `<|im_start|> u s e r [h i]`.
pub fn show(tokenizer: &Tokenizer, tokens: &[u32], trained: &[bool]) -> String {
    let mut text = String::new();
    let mut inside = false;
    for (id, &trained) in tokens.iter().zip(trained) {
        let token = tokenizer.token_text(*id).expect("a token");
        if inside && !trained {
            text.push_str(" ]");
        }
        // A line of the text is a line here.
        let breaks = token.starts_with('Ċ');
        text.push_str(if trained && !inside { " [" } else { "" });
        text.push(' ');
        text.push_str(&token);
        text.push_str(if breaks { "\n" } else { "" });
        inside = trained;
    }
    text.push_str(if inside { " ]" } else { "" });
    let lines = text.lines().map(str::trim);
    lines.collect::<Vec<_>>().join("\n") + "\n"
}
