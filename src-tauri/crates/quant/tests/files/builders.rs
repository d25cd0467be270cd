//! Writers of small files, sound or wrong on purpose.

/// A GGUF file in the making. Counts, offsets and the version can be made to lie.
#[derive(Clone, Debug)]
pub struct GgufBuilder {
    pub magic: [u8; 4],
    pub version: u32,
    pub tensor_count: Option<u64>,
    pub key_count: Option<u64>,
    pub alignment: u64,
    pub keys: Vec<(String, u32, Vec<u8>)>,
    pub tensors: Vec<GgufTensor>,
}

/// One tensor of it; `dimensions` innermost first, as the file has them.
#[derive(Clone, Debug)]
pub struct GgufTensor {
    pub name: String,
    pub dimensions: Vec<u64>,
    pub type_id: u32,
    /// Set to lie; otherwise the next place that is free.
    pub offset: Option<u64>,
    pub data: Vec<u8>,
}

impl Default for GgufBuilder {
    fn default() -> Self {
        Self {
            magic: *b"GGUF",
            version: 3,
            tensor_count: None,
            key_count: None,
            alignment: 32,
            keys: Vec::new(),
            tensors: Vec::new(),
        }
    }
}

/// A string as GGUF stores it.
pub fn gguf_string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

/// An array as GGUF stores it, with any count.
pub fn gguf_array(element: u32, count: u64, values: &[u8]) -> Vec<u8> {
    [&element.to_le_bytes()[..], &count.to_le_bytes(), values].concat()
}

impl GgufBuilder {
    /// A small sound file: every value type, two tensors.
    pub fn sample() -> Self {
        let strings: Vec<u8> = ["<s>", "", "ab"]
            .iter()
            .flat_map(|text| gguf_string(text.as_bytes()))
            .collect();
        let scores: Vec<u8> = [0f32, -1.0, -2.5]
            .iter()
            .flat_map(|score| score.to_le_bytes())
            .collect();
        Self::default()
            .key("general.architecture", 8, &gguf_string(b"llama"))
            .key("llama.block_count", 4, &2u32.to_le_bytes())
            .key("llama.rope.freq_base", 6, &10000f32.to_le_bytes())
            .key("tokenizer.ggml.add_bos_token", 7, &[1])
            .key("tokenizer.ggml.tokens", 9, &gguf_array(8, 3, &strings))
            .key("tokenizer.ggml.scores", 9, &gguf_array(6, 3, &scores))
            .key("wide", 12, &0.5f64.to_le_bytes())
            .key("negative", 5, &(-3i32).to_le_bytes())
            .tensor(
                "token_embd.weight",
                &[2, 3],
                0,
                &[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]
                    .map(f32::to_le_bytes)
                    .concat(),
            )
            .tensor(
                "output.weight",
                &[32],
                8,
                &[&[0x00, 0x3c][..], &[1; 32]].concat(),
            )
    }

    pub fn key(mut self, key: &str, type_id: u32, value: &[u8]) -> Self {
        self.keys.push((key.to_owned(), type_id, value.to_vec()));
        self
    }

    pub fn tensor(mut self, name: &str, dimensions: &[u64], type_id: u32, data: &[u8]) -> Self {
        let (name, dimensions, data) = (name.to_owned(), dimensions.to_vec(), data.to_vec());
        self.tensors.push(GgufTensor {
            name,
            dimensions,
            type_id,
            offset: None,
            data,
        });
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let mut file = self.magic.to_vec();
        file.extend(self.version.to_le_bytes());
        file.extend(
            self.tensor_count
                .unwrap_or(self.tensors.len() as u64)
                .to_le_bytes(),
        );
        file.extend(
            self.key_count
                .unwrap_or(self.keys.len() as u64)
                .to_le_bytes(),
        );
        for (key, type_id, value) in &self.keys {
            file.extend(gguf_string(key.as_bytes()));
            file.extend(type_id.to_le_bytes());
            file.extend(value);
        }
        let mut data: Vec<u8> = Vec::new();
        for tensor in &self.tensors {
            data.resize(data.len().next_multiple_of(self.alignment as usize), 0);
            file.extend(gguf_string(tensor.name.as_bytes()));
            file.extend((tensor.dimensions.len() as u32).to_le_bytes());
            tensor
                .dimensions
                .iter()
                .for_each(|n| file.extend(n.to_le_bytes()));
            file.extend(tensor.type_id.to_le_bytes());
            file.extend(tensor.offset.unwrap_or(data.len() as u64).to_le_bytes());
            data.extend(&tensor.data);
        }
        if !data.is_empty() {
            file.resize(file.len().next_multiple_of(self.alignment as usize), 0);
        }
        file.extend(data);
        file
    }
}

/// A safetensors file from a header and the bytes behind it.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        data,
    ]
    .concat()
}

/// A small sound safetensors file: metadata, F32, BF16 and a single number.
pub fn safetensors_sample() -> Vec<u8> {
    let header = r#"{"__metadata__":{"format":"pt"},
        "a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
        "b.weight":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},
        "c":{"dtype":"F16","shape":[],"data_offsets":[32,34]}}  "#;
    let floats = [1f32, 2.0, 3.0, 4.0, 5.0, 6.0]
        .map(f32::to_le_bytes)
        .concat();
    let halves = [0x3f80u16, 0xbf80, 0x4000, 0x7f80, 0x3e00]
        .map(u16::to_le_bytes)
        .concat();
    safetensors(header, &[floats, halves].concat())
}
