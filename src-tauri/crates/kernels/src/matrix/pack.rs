//! From rows as they lie in files to panels.

use super::blocks::{Blocks, GROUP, REGISTERS, group_bytes, panel_block_bytes};
use super::plain::{Plain, position};

/// Inputs of plain numbers that are moved at a time.
const INPUTS: usize = 64;

/// Packs up to sixteen rows; false where a weight is infinite or not a number. Rows that are missing stay zero.
pub(super) fn plain<P: Plain>(rows: &[u8], inputs: usize, panel: &mut [u8]) -> bool {
    let numbers: &mut [P::Number] = bytemuck::cast_slice_mut(panel);
    let size = size_of::<P::Number>();
    let mut finite = true;
    // A few inputs of all rows at a time, so that the panel's lines stay in the first cache.
    for first in (0..inputs).step_by(INPUTS) {
        let last = inputs.min(first + INPUTS);
        for (lane, row) in rows.chunks_exact(inputs * size).enumerate() {
            for (index, bytes) in row[first * size..last * size]
                .chunks_exact(size)
                .enumerate()
            {
                let number = bytemuck::pod_read_unaligned(bytes);
                finite &= P::value(number).is_finite();
                numbers[position::<P>(first + index, lane)] = number;
            }
        }
    }
    finite
}

/// The same for blocks.
pub(super) fn blocks<B: Blocks>(rows: &[u8], row_bytes: usize, panel: &mut [u8]) -> bool {
    let mut finite = true;
    for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
        let targets = panel.chunks_exact_mut(panel_block_bytes::<B>());
        for (block, target) in row.chunks_exact(B::SOURCE_BYTES).zip(targets) {
            let (head, codes) = target.split_at_mut(B::HEAD_BYTES);
            finite &= B::pack_head(block, lane, head);
            for (group, codes) in codes.chunks_exact_mut(group_bytes(B::BITS)).enumerate() {
                put::<B>(codes, lane, &B::codes(block, group));
            }
        }
    }
    finite
}

/// Puts the codes of one row's group to their places. The bytes were zero.
#[inline(always)]
fn put<B: Blocks>(target: &mut [u8], lane: usize, codes: &[u8; GROUP]) {
    const LINES: usize = REGISTERS / 2;
    const FOURS: u32 = 0x0f0f_0f0f;
    let (registers, _) = codes.as_chunks::<4>();
    if B::BITS == 8 {
        for (register, four) in registers.iter().enumerate() {
            target[register * 64 + 4 * lane..][..4].copy_from_slice(four);
        }
        return;
    }
    for line in 0..LINES {
        // Four codes at a time, one to a byte: shifts within 32 bits stay within bytes, since codes are small.
        let low = u32::from_le_bytes(registers[line]);
        let high = u32::from_le_bytes(registers[LINES + line]);
        let bytes = low & FOURS | (high & FOURS) << 4;
        target[line * 64 + 4 * lane..][..4].copy_from_slice(&bytes.to_le_bytes());
    }
    let width = B::BITS as usize - 4;
    if width > 0 {
        let mut planes = [0_u32; 2];
        for (register, four) in registers.iter().enumerate() {
            let upper = u32::from_le_bytes(*four) >> 4 & FOURS;
            let (plane, place) = if width == 1 {
                (0, register)
            } else {
                (register / LINES, register % LINES * 2)
            };
            planes[plane] |= upper << place;
        }
        for (plane, bytes) in planes.iter().take(width).enumerate() {
            target[(LINES + plane) * 64 + 4 * lane..][..4].copy_from_slice(&bytes.to_le_bytes());
        }
    }
}
