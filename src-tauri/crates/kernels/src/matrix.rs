//! Weights as the kernels want them.
//!
//! A matrix `(outputs, inputs)` is kept in panels of sixteen outputs, so that one register holds the same input's weight (or
//! the same four inputs' codes) of sixteen outputs and no sum crosses lanes. The panels take as much memory as the file's own
//! blocks, within a few percent, and are read as they are by products of few rows and of many.

mod blocks;
mod formats;
mod pack;
mod plain;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use blocks::{
    Blocks, GROUP, REGISTERS, codes, decode_register, for_groups, group_bytes, panel_block_bytes,
    registers,
};
pub(crate) use formats::*;
pub(crate) use plain::Plain;

use crate::dense::{Columns, Fill, PanelNumber};
use crate::simd::{LANES, Portable};
use crate::{Aligned, Operand, Path, Pool};

/// Outputs of a panel.
pub(crate) const PANEL: usize = LANES;

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)]
pub enum WeightFormat {
    /// 32-bit numbers.
    F32,
    /// Half-precision numbers.
    F16,
    /// bfloat16 numbers.
    Bf16,
    /// ggml's block of 32: `d · (q - 8)`, 4 bits.
    Q4_0,
    /// ggml's block of 32: `d · q + m`, 4 bits.
    Q4_1,
    /// ggml's block of 32: `d · (q - 16)`, 5 bits.
    Q5_0,
    /// ggml's block of 32: `d · q + m`, 5 bits.
    Q5_1,
    /// ggml's block of 32: `d · q`, 8 bits.
    Q8_0,
    /// ggml's block of 256 with a scale and a minimum for each 16, 2 bits.
    Q2K,
    /// ggml's block of 256 with a scale for each 16, 3 bits.
    Q3K,
    /// ggml's block of 256 with a scale and a minimum for each 32, 4 bits.
    Q4K,
    /// ggml's block of 256 with a scale and a minimum for each 32, 5 bits.
    Q5K,
    /// ggml's block of 256 with a scale for each 16, 6 bits.
    Q6K,
    /// `scale · (q - zero)` for each group of 32, 64 or 128 weights, 4 bits; scale f16, zero 8 where symmetric and stored
    /// otherwise.
    Int4 {
        /// Weights that share a scale.
        group: Int4Group,
        /// Without stored zeros.
        symmetric: bool,
    },
}

/// Weights that share a scale in [`WeightFormat::Int4`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Int4Group {
    G32,
    G64,
    G128,
}

/// One expression for plain formats and one for block formats, with the type of the format's numbers or blocks.
macro_rules! for_format {
    ($format:expr, plain: $Plain:ident => $plain:expr, blocks: $Blocks:ident => $blocks:expr) => {{
        use $crate::matrix::{self as m, Int4Group as G, WeightFormat as W};
        macro_rules! plain { ($type:ty) => {{ type $Plain = $type; $plain }}; }
        macro_rules! blocks { ($type:ty) => {{ type $Blocks = $type; $blocks }}; }
        match $format {
            W::F32 => plain!(m::F32),
            W::F16 => plain!(m::F16),
            W::Bf16 => plain!(m::Bf16),
            W::Q4_0 => blocks!(m::Q4_0),
            W::Q4_1 => blocks!(m::Q4_1),
            W::Q5_0 => blocks!(m::Q5_0),
            W::Q5_1 => blocks!(m::Q5_1),
            W::Q8_0 => blocks!(m::Q8_0),
            W::Q2K => blocks!(m::Q2K),
            W::Q3K => blocks!(m::Q3K),
            W::Q4K => blocks!(m::Q4K),
            W::Q5K => blocks!(m::Q5K),
            W::Q6K => blocks!(m::Q6K),
            W::Int4 { group: G::G32, symmetric: true } => blocks!(m::Int4<1, true>),
            W::Int4 { group: G::G64, symmetric: true } => blocks!(m::Int4<2, true>),
            W::Int4 { group: G::G128, symmetric: true } => blocks!(m::Int4<4, true>),
            W::Int4 { group: G::G32, symmetric: false } => blocks!(m::Int4<1, false>),
            W::Int4 { group: G::G64, symmetric: false } => blocks!(m::Int4<2, false>),
            W::Int4 { group: G::G128, symmetric: false } => blocks!(m::Int4<4, false>),
        }
    }};
}
pub(crate) use for_format;

impl WeightFormat {
    /// Every format.
    pub const ALL: [Self; 19] = {
        const fn int4(group: Int4Group, symmetric: bool) -> WeightFormat {
            WeightFormat::Int4 { group, symmetric }
        }
        [
            Self::F32,
            Self::F16,
            Self::Bf16,
            Self::Q4_0,
            Self::Q4_1,
            Self::Q5_0,
            Self::Q5_1,
            Self::Q8_0,
            Self::Q2K,
            Self::Q3K,
            Self::Q4K,
            Self::Q5K,
            Self::Q6K,
            int4(Int4Group::G32, true),
            int4(Int4Group::G64, true),
            int4(Int4Group::G128, true),
            int4(Int4Group::G32, false),
            int4(Int4Group::G64, false),
            int4(Int4Group::G128, false),
        ]
    };

    /// Weights that must be stored together: the inputs of a matrix are a multiple of it.
    pub fn block_weights(self) -> usize {
        for_format!(self, plain: _P => 1, blocks: B => 32 * B::GROUPS)
    }

    /// Bytes of a row of so many inputs, as [`Matrix::pack`] takes it.
    pub fn row_bytes(self, inputs: usize) -> usize {
        for_format!(self, plain: P => inputs * size_of::<<P as Plain>::Number>(),
            blocks: B => inputs / (32 * B::GROUPS) * B::SOURCE_BYTES)
    }

    /// Whether weights share scales.
    pub fn is_quantized(self) -> bool {
        self.block_weights() > 1
    }

    /// Bytes that a [`Matrix`] `(outputs, inputs)` of this format takes.
    pub fn packed_bytes(self, outputs: usize, inputs: usize) -> usize {
        outputs.div_ceil(PANEL) * self.panel_bytes(inputs)
    }

    fn panel_bytes(self, inputs: usize) -> usize {
        for_format!(self, plain: P => P::depth(inputs) * PANEL * size_of::<<P as Plain>::Number>(),
            blocks: B => inputs / (32 * B::GROUPS) * blocks::panel_block_bytes::<B>())
    }
}

impl std::str::FromStr for WeightFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let wanted = text.trim().to_ascii_lowercase();
        let found = Self::ALL
            .into_iter()
            .find(|format| format.to_string() == wanted);
        found.ok_or(UnknownFormat { wanted })
    }
}

/// No weight format is called that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat {
    /// What was asked for.
    pub wanted: String,
}

impl std::fmt::Display for UnknownFormat {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = WeightFormat::ALL
            .map(|format| format.to_string())
            .join(", ");
        write!(
            formatter,
            "there are no weights called '{}'; there are {names}",
            self.wanted
        )
    }
}

impl std::error::Error for UnknownFormat {}

impl std::fmt::Display for WeightFormat {
    /// As the field writes it: `q4_0`, `q4_k`, `int4-g128` …
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Self::Int4 { group, symmetric } = self {
            let group = match group {
                Int4Group::G32 => 32,
                Int4Group::G64 => 64,
                Int4Group::G128 => 128,
            };
            return write!(
                formatter,
                "int4-g{group}{}",
                if *symmetric { "" } else { "-asymmetric" }
            );
        }
        formatter.pad(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q5_0 => "q5_0",
            Self::Q5_1 => "q5_1",
            Self::Q8_0 => "q8_0",
            Self::Q2K => "q2_k",
            Self::Q3K => "q3_k",
            Self::Q4K => "q4_k",
            Self::Q5K => "q5_k",
            Self::Q6K => "q6_k",
            Self::Int4 { .. } => "int4",
        })
    }
}

/// A matrix `(outputs, inputs)` of weights, packed for the kernels.
#[derive(Debug)]
pub struct Matrix {
    format: WeightFormat,
    outputs: usize,
    inputs: usize,
    finite: bool,
    panels: Aligned<u8>,
}

impl Matrix {
    /// Packs rows as they come: `read` fills its buffer with the bytes of the rows asked for, each
    /// [`WeightFormat::row_bytes`] long, in ggml's block layout (for [`WeightFormat::Int4`]: for each group an f16 scale, a
    /// byte for the zero unless symmetric, then codes two to a byte, the first half of the group in the lower bits).
    ///
    /// # Errors
    /// Those of `read`.
    ///
    /// # Panics
    /// When `inputs` is not a multiple of [`WeightFormat::block_weights`].
    pub fn pack<E>(
        format: WeightFormat,
        (outputs, inputs): (usize, usize),
        pool: &Pool,
        mut read: impl FnMut(Range<usize>, &mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        /// Bytes read at a time: enough to keep all threads busy.
        const READ_BYTES: usize = 4 << 20;
        assert!(
            inputs.is_multiple_of(format.block_weights()),
            "{inputs} inputs are not whole blocks of {format}"
        );
        let (row_bytes, panel_bytes) = (format.row_bytes(inputs), format.panel_bytes(inputs));
        let mut panels = Aligned::zeroed(outputs.div_ceil(PANEL) * panel_bytes);
        let rows_at_once = (READ_BYTES / row_bytes.max(1))
            .next_multiple_of(PANEL)
            .max(PANEL);
        let mut source = Aligned::zeroed(rows_at_once.min(outputs) * row_bytes);
        let finite = AtomicBool::new(true);
        for first in (0..outputs).step_by(rows_at_once) {
            let rows = first..outputs.min(first + rows_at_once);
            let source = &mut source[..rows.len() * row_bytes];
            read(rows.clone(), source)?;
            let target =
                &mut panels[first / PANEL * panel_bytes..rows.end.div_ceil(PANEL) * panel_bytes];
            if panel_bytes == 0 {
                continue;
            }
            let source = &*source;
            pool.pieces(target, panel_bytes, |index, panel| {
                let end = source.len().min((index + 1) * PANEL * row_bytes);
                let rows = &source[index * PANEL * row_bytes..end];
                let sound = for_format!(format, plain: P => pack::plain::<P>(rows, inputs, panel),
                    blocks: B => pack::blocks::<B>(rows, row_bytes, panel));
                if !sound {
                    finite.store(false, Ordering::Relaxed);
                }
            });
        }
        Ok(Self {
            format,
            outputs,
            inputs,
            finite: finite.into_inner(),
            panels,
        })
    }

    /// The same from rows that lie in memory.
    ///
    /// # Panics
    /// When `rows` is not `outputs` rows long.
    pub fn from_bytes(
        format: WeightFormat,
        (outputs, inputs): (usize, usize),
        pool: &Pool,
        rows: &[u8],
    ) -> Self {
        let row_bytes = format.row_bytes(inputs);
        assert_eq!(
            rows.len(),
            outputs * row_bytes,
            "bytes of {outputs} rows of {inputs} {format} weights"
        );
        let packed = Self::pack(format, (outputs, inputs), pool, |range, buffer| {
            buffer.copy_from_slice(&rows[range.start * row_bytes..range.end * row_bytes]);
            Ok::<(), std::convert::Infallible>(())
        });
        match packed {
            Ok(matrix) => matrix,
        }
    }

    /// Packs rows of f32 numbers, `(outputs, inputs)`, as [`WeightFormat::F32`] or rounded to [`WeightFormat::Bf16`].
    ///
    /// # Panics
    /// When the format is another one, or `rows` has another length.
    pub fn from_f32(
        path: Path,
        pool: &Pool,
        format: WeightFormat,
        (outputs, inputs): (usize, usize),
        rows: &[f32],
    ) -> Self {
        let mut matrix = Self {
            format,
            outputs,
            inputs,
            finite: true,
            panels: Aligned::zeroed(format.packed_bytes(outputs, inputs)),
        };
        matrix.repack(path, pool, rows);
        matrix
    }

    /// Takes over other weights, in the same memory: training changes them at every step.
    ///
    /// # Panics
    /// As [`Matrix::from_f32`].
    pub fn repack(&mut self, path: Path, pool: &Pool, rows: &[f32]) {
        let operand = Operand::new(rows, (self.outputs, self.inputs)).transposed();
        self.finite = match self.format {
            WeightFormat::F32 => self.fill::<f32>(path, pool, operand),
            WeightFormat::Bf16 => self.fill::<u16>(path, pool, operand),
            format => panic!("{format} weights are not made of f32 numbers in place"),
        };
    }

    /// Fills all panels; whether all numbers are finite.
    fn fill<T: PanelNumber>(&mut self, path: Path, pool: &Pool, operand: Operand) -> bool {
        let panel_bytes = self.panel_bytes();
        if panel_bytes == 0 {
            return true;
        }
        let finite = AtomicBool::new(true);
        let inputs = self.inputs;
        pool.pieces(&mut self.panels, panel_bytes, |panel, bytes| {
            let panels: &mut [T] = bytemuck::cast_slice_mut(bytes);
            let fill = Fill {
                columns: Columns::Dense(operand, 1.0),
                first: panel * PANEL,
                depth: 0..inputs,
                panels: &mut *panels,
            };
            fill.run_on(path);
            if !T::all_finite(panels) {
                finite.store(false, Ordering::Relaxed);
            }
        });
        finite.into_inner()
    }

    /// How the weights are stored.
    pub fn format(&self) -> WeightFormat {
        self.format
    }

    /// Rows of the matrix: values of a product.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns of the matrix: values that a product takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Whether no weight is infinite or not a number.
    pub fn is_finite(&self) -> bool {
        self.finite
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.panels.len()
    }

    pub(crate) fn panel_bytes(&self) -> usize {
        self.format.panel_bytes(self.inputs)
    }

    /// The bytes of neighbouring panels.
    pub(crate) fn panels(&self, panels: Range<usize>) -> &[u8] {
        let bytes = self.panel_bytes();
        &self.panels[panels.start * bytes..panels.end * bytes]
    }

    pub(crate) fn panel_count(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// One row of weights as f32: an embedding.
    ///
    /// # Panics
    /// When there is no such row, or `row` is not [`Matrix::inputs`] long.
    pub fn row(&self, output: usize, row: &mut [f32]) {
        assert!(
            output < self.outputs && row.len() == self.inputs,
            "row {output} of {} with {} weights",
            self.outputs,
            row.len()
        );
        let (panel, lane) = (output / PANEL, output % PANEL);
        let panel = self.panels(panel..panel + 1);
        for_format!(self.format, plain: P => plain::row::<P>(panel, lane, row),
            blocks: B => blocks::row::<B, _>(Portable, panel, lane, row));
    }
}
