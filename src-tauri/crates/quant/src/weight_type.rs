//! The types weights are stored in, of ggml and of safetensors.

use candle_core::quantized::{GgmlDType, k_quants};

macro_rules! weight_types {
    ($($variant:ident = $name:literal, $block:literal weights in $bytes:literal bytes, $ggml:expr, $safetensors:literal;)*) => {
        /// How weights are stored. Types come in blocks that hold several weights at once; `F32` and its like are blocks of one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(non_camel_case_types)]
        #[non_exhaustive]
        pub enum WeightType {
            $(#[doc = concat!("`", $name, "`: ", $block, " weights in ", $bytes, " bytes.")] $variant,)*
        }

        impl WeightType {
            /// Every type, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name as ggml or safetensors writes it, such as `Q4_K` or `BF16`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Weights in one block.
            pub const fn block_weights(self) -> usize {
                match self { $(Self::$variant => $block,)* }
            }

            /// Bytes of one block.
            pub const fn block_bytes(self) -> usize {
                match self { $(Self::$variant => $bytes,)* }
            }

            /// The number ggml gives this type in GGUF files.
            pub fn ggml_id(self) -> Option<u32> {
                match self { $(Self::$variant => $ggml,)* }
            }

            fn in_safetensors(self) -> bool {
                match self { $(Self::$variant => $safetensors,)* }
            }
        }
    };
}

weight_types! {
    F32 = "F32", 1 weights in 4 bytes, Some(0), true;
    F16 = "F16", 1 weights in 2 bytes, Some(1), true;
    BF16 = "BF16", 1 weights in 2 bytes, Some(30), true;
    F64 = "F64", 1 weights in 8 bytes, Some(28), true;
    I8 = "I8", 1 weights in 1 bytes, Some(24), true;
    I16 = "I16", 1 weights in 2 bytes, Some(25), true;
    I32 = "I32", 1 weights in 4 bytes, Some(26), true;
    I64 = "I64", 1 weights in 8 bytes, Some(27), true;
    U8 = "U8", 1 weights in 1 bytes, None, true;
    U16 = "U16", 1 weights in 2 bytes, None, true;
    U32 = "U32", 1 weights in 4 bytes, None, true;
    U64 = "U64", 1 weights in 8 bytes, None, true;
    Bool = "BOOL", 1 weights in 1 bytes, None, true;
    C64 = "C64", 1 weights in 8 bytes, None, true;
    F8E4M3 = "F8_E4M3", 1 weights in 1 bytes, None, true;
    F8E5M2 = "F8_E5M2", 1 weights in 1 bytes, None, true;
    F8E8M0 = "F8_E8M0", 1 weights in 1 bytes, None, true;
    F8E4M3Fnuz = "F8_E4M3FNUZ", 1 weights in 1 bytes, None, true;
    F8E5M2Fnuz = "F8_E5M2FNUZ", 1 weights in 1 bytes, None, true;
    F6E2M3 = "F6_E2M3", 4 weights in 3 bytes, None, true;
    F6E3M2 = "F6_E3M2", 4 weights in 3 bytes, None, true;
    F4 = "F4", 2 weights in 1 bytes, None, true;
    Q4_0 = "Q4_0", 32 weights in 18 bytes, Some(2), false;
    Q4_1 = "Q4_1", 32 weights in 20 bytes, Some(3), false;
    Q5_0 = "Q5_0", 32 weights in 22 bytes, Some(6), false;
    Q5_1 = "Q5_1", 32 weights in 24 bytes, Some(7), false;
    Q8_0 = "Q8_0", 32 weights in 34 bytes, Some(8), false;
    Q8_1 = "Q8_1", 32 weights in 36 bytes, Some(9), false;
    Q2K = "Q2_K", 256 weights in 84 bytes, Some(10), false;
    Q3K = "Q3_K", 256 weights in 110 bytes, Some(11), false;
    Q4K = "Q4_K", 256 weights in 144 bytes, Some(12), false;
    Q5K = "Q5_K", 256 weights in 176 bytes, Some(13), false;
    Q6K = "Q6_K", 256 weights in 210 bytes, Some(14), false;
    Q8K = "Q8_K", 256 weights in 292 bytes, Some(15), false;
    IQ2_XXS = "IQ2_XXS", 256 weights in 66 bytes, Some(16), false;
    IQ2_XS = "IQ2_XS", 256 weights in 74 bytes, Some(17), false;
    IQ3_XXS = "IQ3_XXS", 256 weights in 98 bytes, Some(18), false;
    IQ1_S = "IQ1_S", 256 weights in 50 bytes, Some(19), false;
    IQ4_NL = "IQ4_NL", 32 weights in 18 bytes, Some(20), false;
    IQ3_S = "IQ3_S", 256 weights in 110 bytes, Some(21), false;
    IQ2_S = "IQ2_S", 256 weights in 82 bytes, Some(22), false;
    IQ4_XS = "IQ4_XS", 256 weights in 136 bytes, Some(23), false;
    IQ1_M = "IQ1_M", 256 weights in 56 bytes, Some(29), false;
    TQ1_0 = "TQ1_0", 256 weights in 54 bytes, Some(34), false;
    TQ2_0 = "TQ2_0", 256 weights in 66 bytes, Some(35), false;
    MXFP4 = "MXFP4", 32 weights in 17 bytes, Some(39), false;
    NVFP4 = "NVFP4", 64 weights in 36 bytes, Some(40), false;
    Q1_0 = "Q1_0", 128 weights in 18 bytes, Some(41), false;
}

macro_rules! same_size {
    ($($variant:ident: $block:ident;)*) => {
        $(const _: () = assert!(WeightType::$variant.block_bytes() == size_of::<k_quants::$block>());)*
    };
}
// The blocks that candle decodes lie in its memory as they lie in the file.
same_size! {
    Q4_0: BlockQ4_0; Q4_1: BlockQ4_1; Q5_0: BlockQ5_0; Q5_1: BlockQ5_1; Q8_0: BlockQ8_0; Q8_1: BlockQ8_1;
    Q2K: BlockQ2K; Q3K: BlockQ3K; Q4K: BlockQ4K; Q5K: BlockQ5K; Q6K: BlockQ6K; Q8K: BlockQ8K;
}

impl WeightType {
    /// The type with this number in GGUF files. `None` for numbers ggml has not given out, or has taken back.
    pub fn from_ggml_id(id: u32) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|weight_type| weight_type.ggml_id() == Some(id))
    }

    /// The type with this name in safetensors headers.
    pub fn from_safetensors_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|weight_type| weight_type.in_safetensors() && weight_type.name() == name)
    }

    /// Candle's name for it, for the types candle can hold in a quantized tensor.
    pub fn ggml_dtype(self) -> Option<GgmlDType> {
        Some(match self {
            Self::F32 => GgmlDType::F32,
            Self::F16 => GgmlDType::F16,
            Self::BF16 => GgmlDType::BF16,
            Self::Q4_0 => GgmlDType::Q4_0,
            Self::Q4_1 => GgmlDType::Q4_1,
            Self::Q5_0 => GgmlDType::Q5_0,
            Self::Q5_1 => GgmlDType::Q5_1,
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::Q8_1 => GgmlDType::Q8_1,
            Self::Q2K => GgmlDType::Q2K,
            Self::Q3K => GgmlDType::Q3K,
            Self::Q4K => GgmlDType::Q4K,
            Self::Q5K => GgmlDType::Q5K,
            Self::Q6K => GgmlDType::Q6K,
            Self::Q8K => GgmlDType::Q8K,
            _ => return None,
        })
    }

    /// Whether `read_f32` can decode it.
    pub fn is_decodable(self) -> bool {
        self.ggml_dtype().is_some() || matches!(self, Self::F64 | Self::F8E4M3 | Self::F8E5M2)
    }

    /// Whether several weights share a block with a scale: true for ggml's block types, false for plain numbers.
    pub fn is_quantized(self) -> bool {
        self.block_weights() >= 32
    }
}

impl std::fmt::Display for WeightType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
