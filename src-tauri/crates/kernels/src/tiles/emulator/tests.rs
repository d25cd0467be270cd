use std::arch::asm;

use super::instruction::{Multiplied, Signs, decode};
use super::*;

fn at(base: impl Into<Option<u8>>, index: Option<(u8, u8)>, displacement: i32) -> Address {
    Address {
        base: base.into(),
        index,
        displacement,
    }
}

const TILES_123: Multiplied = Multiplied {
    sums: 1,
    first: 2,
    second: 3,
};

/// Bytes as the GNU assembler makes them.
#[test]
fn instructions_are_decoded() {
    let multiply_bf16 = |sums, first, second| {
        Operation::MultiplyBf16(Multiplied {
            sums,
            first,
            second,
        })
    };
    let int8 = |first, second| Operation::MultiplyInt8(TILES_123, Signs { first, second });
    let (rax, rcx, rbx, rsp, rbp, r8, r12, r13) = (0, 1, 3, 4, 5, 8, 12, 13);
    let cases: [(&str, &[u8], Operation); 20] = [
        (
            "ldtilecfg [rax]",
            &[0xc4, 0xe2, 0x78, 0x49, 0x00],
            Operation::LoadConfiguration(at(rax, None, 0)),
        ),
        (
            "ldtilecfg [r13+8]",
            &[0xc4, 0xc2, 0x78, 0x49, 0x45, 0x08],
            Operation::LoadConfiguration(at(r13, None, 8)),
        ),
        (
            "ldtilecfg [rsp+r12*2]",
            &[0xc4, 0xa2, 0x78, 0x49, 0x04, 0x64],
            Operation::LoadConfiguration(at(rsp, Some((r12, 1)), 0)),
        ),
        (
            "ldtilecfg [rbp*8+0x1234]",
            &[0xc4, 0xe2, 0x78, 0x49, 0x04, 0xed, 0x34, 0x12, 0x00, 0x00],
            Operation::LoadConfiguration(at(None, Some((rbp, 3)), 0x1234)),
        ),
        (
            "tilerelease",
            &[0xc4, 0xe2, 0x78, 0x49, 0xc0],
            Operation::Release,
        ),
        (
            "tilezero tmm0",
            &[0xc4, 0xe2, 0x7b, 0x49, 0xc0],
            Operation::Zero(0),
        ),
        (
            "tilezero tmm7",
            &[0xc4, 0xe2, 0x7b, 0x49, 0xf8],
            Operation::Zero(7),
        ),
        (
            "tileloadd tmm4, [rax+rcx*1]",
            &[0xc4, 0xe2, 0x7b, 0x4b, 0x24, 0x08],
            Operation::Load(4, at(rax, Some((rcx, 0)), 0)),
        ),
        (
            "tileloadd tmm5, [r8+r15*4-64]",
            &[0xc4, 0x82, 0x7b, 0x4b, 0x6c, 0xb8, 0xc0],
            Operation::Load(5, at(r8, Some((15, 2)), -64)),
        ),
        (
            "tileloaddt1 tmm6, [rbp+r12*8+0x1000]",
            &[0xc4, 0xa2, 0x79, 0x4b, 0xb4, 0xe5, 0x00, 0x10, 0x00, 0x00],
            Operation::Load(6, at(rbp, Some((r12, 3)), 0x1000)),
        ),
        (
            "tileloadd tmm2, [rsp]",
            &[0xc4, 0xe2, 0x7b, 0x4b, 0x14, 0x24],
            Operation::Load(2, at(rsp, None, 0)),
        ),
        (
            "tileloadd tmm1, [r13+rbp*1]",
            &[0xc4, 0xc2, 0x7b, 0x4b, 0x4c, 0x2d, 0x00],
            Operation::Load(1, at(r13, Some((rbp, 0)), 0)),
        ),
        (
            "tileloadd tmm3, [rbx*2-0x7ffffff]",
            &[0xc4, 0xe2, 0x7b, 0x4b, 0x1c, 0x5d, 0x01, 0x00, 0x00, 0xf8],
            Operation::Load(3, at(None, Some((rbx, 1)), -0x7ff_ffff)),
        ),
        (
            "tilestored [r12+r9*1+64], tmm3",
            &[0xc4, 0x82, 0x7a, 0x4b, 0x5c, 0x0c, 0x40],
            Operation::Store(at(r12, Some((9, 0)), 64), 3),
        ),
        (
            "tdpbf16ps tmm0, tmm4, tmm6",
            &[0xc4, 0xe2, 0x4a, 0x5c, 0xc4],
            multiply_bf16(0, 4, 6),
        ),
        (
            "tdpbf16ps tmm7, tmm5, tmm3",
            &[0xc4, 0xe2, 0x62, 0x5c, 0xfd],
            multiply_bf16(7, 5, 3),
        ),
        (
            "tdpbssd tmm1, tmm2, tmm3",
            &[0xc4, 0xe2, 0x63, 0x5e, 0xca],
            int8(true, true),
        ),
        (
            "tdpbsud tmm1, tmm2, tmm3",
            &[0xc4, 0xe2, 0x62, 0x5e, 0xca],
            int8(true, false),
        ),
        (
            "tdpbusd tmm1, tmm2, tmm3",
            &[0xc4, 0xe2, 0x61, 0x5e, 0xca],
            int8(false, true),
        ),
        (
            "tdpbuud tmm1, tmm2, tmm3",
            &[0xc4, 0xe2, 0x60, 0x5e, 0xca],
            int8(false, false),
        ),
    ];
    for (text, bytes, operation) in cases {
        // SAFETY: whole instructions.
        let decoded = unsafe { decode(bytes.as_ptr()) };
        let length = bytes.len();
        assert_eq!(decoded, Some(Instruction { operation, length }), "{text}");
    }
    let others: [(&str, &[u8]); 6] = [
        ("ud2", &[0x0f, 0x0b]),
        ("vpaddd xmm0, xmm1, xmm2", &[0xc5, 0xf1, 0xfe, 0xc2]),
        // Not used by the kernels.
        ("sttilecfg [rax]", &[0xc4, 0xe2, 0x79, 0x49, 0x00]),
        (
            "ldtilecfg [rip+16]",
            &[0xc4, 0xe2, 0x78, 0x49, 0x05, 0x10, 0, 0, 0],
        ),
        // Not instructions: a load without a SIB byte, a release with another operand.
        ("load from [rax]", &[0xc4, 0xe2, 0x7b, 0x4b, 0x20]),
        ("release of 1", &[0xc4, 0xe2, 0x78, 0x49, 0xc1]),
    ];
    for (text, bytes) in others {
        // SAFETY: whole instructions.
        assert_eq!(unsafe { decode(bytes.as_ptr()) }, None, "{text}");
    }
}

/// Palette 1 with these rows and bytes per row.
fn configuration(shapes: &[(u8, u16)]) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    for (tile, (rows, row_bytes)) in shapes.iter().enumerate() {
        bytes[16 + 2 * tile..18 + 2 * tile].copy_from_slice(&row_bytes.to_le_bytes());
        bytes[48 + tile] = *rows;
    }
    bytes
}

fn configured(shapes: &[(u8, u16)]) -> TileFile {
    let mut tiles = TileFile::NEW;
    assert_eq!(tiles.configure(&configuration(shapes)), Ok(()));
    tiles
}

#[test]
fn what_a_processor_refuses_is_refused() {
    let mut tiles = TileFile::NEW;
    assert_eq!(tiles.zero(0), Err(Refused), "nothing is configured");
    let good = configuration(&[(16, 64); 8]);
    for (place, value, why) in [
        (0, 2, "palette"),
        (2, 1, "reserved"),
        (15, 1, "reserved"),
        (32, 1, "a ninth tile's bytes"),
        (56, 1, "a ninth tile's rows"),
        (48, 17, "rows"),
        (48, 0, "bytes without rows"),
        (16, 65, "bytes"),
        (16, 0, "rows without bytes"),
        (17, 1, "bytes"),
    ] {
        let mut bytes = good;
        bytes[place] = value;
        assert_eq!(tiles.configure(&bytes), Err(Refused), "{why}");
    }
    assert_eq!(tiles.configure(&good), Ok(()));
    for (sums, first, second) in [(0, 0, 1), (0, 1, 0), (0, 1, 1)] {
        let same = Multiplied {
            sums,
            first,
            second,
        };
        assert_eq!(tiles.multiply_bf16(same), Err(Refused), "one tile twice");
    }
    for shapes in [
        [(16, 64), (15, 64), (16, 64)],
        [(16, 64), (16, 60), (16, 64)],
        [(16, 60), (16, 64), (16, 64)],
        [(16, 62), (16, 64), (16, 62)],
        [(16, 64), (16, 64), (0, 0)],
    ] {
        let mut tiles = configured(&[(1, 4), shapes[0], shapes[1], shapes[2]]);
        assert_eq!(tiles.multiply_bf16(TILES_123), Err(Refused), "{shapes:?}");
    }
    tiles.release();
    assert_eq!(tiles.zero(0), Err(Refused), "released");
}

/// Loads tiles of these bytes, multiplies, and gives the 16 rows of 64 bytes of the sums.
fn product(
    (rows, columns, depth): (usize, usize, usize),
    operands: &[[u8; 1024]; 3],
    multiply: impl Fn(&mut TileFile),
) -> [u8; 1024] {
    let shapes = [
        (1, 4),
        (rows as u8, columns as u16 * 4),
        (rows as u8, depth as u16 * 4),
        (depth as u8, columns as u16 * 4),
    ];
    let mut tiles = configured(&shapes);
    for (index, bytes) in operands.iter().enumerate() {
        // SAFETY: at most 16 rows of 64 bytes.
        assert_eq!(unsafe { tiles.load(1 + index, bytes.as_ptr(), 64) }, Ok(()));
    }
    multiply(&mut tiles);
    let mut result = [0xEE; 1024];
    // SAFETY: as above.
    assert_eq!(unsafe { tiles.store(1, result.as_mut_ptr(), 64) }, Ok(()));
    result
}

const SHAPES: [(usize, usize, usize); 5] =
    [(1, 1, 1), (16, 16, 16), (3, 16, 2), (16, 5, 16), (7, 9, 13)];

#[test]
fn products_of_bf16_are_those_of_plain_loops() {
    // Whole numbers, of which sums of 32 products are exact, whatever the order.
    let whole =
        |row: usize, place: usize, salt: usize| ((row * 7 + place * 5 + salt) % 17) as f32 - 8.0;
    let bf16 = |value: f32| (value.to_bits() >> 16) as u16;
    for (rows, columns, depth) in SHAPES {
        let mut operands = [[0_u8; 1024]; 3];
        for row in 0..16 {
            for place in 0..16 {
                let at = 64 * row + 4 * place;
                operands[0][at..at + 4].copy_from_slice(&whole(row, place, 1).to_le_bytes());
                for half in 0..2 {
                    for (tile, salt) in [(1, 2), (2, 3)] {
                        let bits = bf16(whole(row, 2 * place + half, salt));
                        operands[tile][at + 2 * half..at + 2 * half + 2]
                            .copy_from_slice(&bits.to_le_bytes());
                    }
                }
            }
        }
        let result = product((rows, columns, depth), &operands, |tiles| {
            assert_eq!(tiles.multiply_bf16(TILES_123), Ok(()));
        });
        for row in 0..16 {
            for column in 0..16 {
                let at = 64 * row + 4 * column;
                let bytes = [0, 1, 2, 3].map(|byte| result[at + byte]);
                if row >= rows || column >= columns {
                    assert_eq!(bytes, [0xEE; 4], "not stored");
                    continue;
                }
                let mut sum = whole(row, column, 1);
                for k in 0..2 * depth {
                    sum += whole(row, k, 2) * whole(k / 2, 2 * column + k % 2, 3);
                }
                assert_eq!(f32::from_le_bytes(bytes), sum, "{row}, {column}");
            }
        }
    }
}

#[test]
fn sums_of_bf16_are_rounded_as_the_reference_says() {
    let one = |values: [f32; 3], more: [f32; 2]| {
        let mut operands = [[0_u8; 1024]; 3];
        operands[0][..4].copy_from_slice(&values[0].to_le_bytes());
        for (tile, pair) in [(1, [values[1], more[0]]), (2, [values[2], more[1]])] {
            for (half, value) in pair.iter().enumerate() {
                let bytes = (value.to_bits() >> 16).to_le_bytes();
                operands[tile][2 * half..2 * half + 2].copy_from_slice(&bytes[..2]);
            }
        }
        let result = product((1, 1, 1), &operands, |tiles| {
            assert_eq!(tiles.multiply_bf16(TILES_123), Ok(()));
        });
        f32::from_le_bytes([0, 1, 2, 3].map(|byte| result[byte]))
    };
    let power = |exponent: i32| 2_f32.powi(exponent);
    // The pair's products are added before either meets the sum: 2^24 + (1 + 1), not (2^24 + 1) + 1.
    assert_eq!(one([power(24), 1.0, 1.0], [1.0, 1.0]), power(24) + 2.0);
    // Ties to even.
    assert_eq!(one([power(24), 1.0, 1.0], [0.0, 0.0]), power(24));
    assert_eq!(
        one([power(24) + 2.0, 1.0, 1.0], [0.0, 0.0]),
        power(24) + 4.0
    );
    // Numbers and results below 2^-126 are zero.
    assert_eq!(one([0.0, power(-127), power(126)], [0.0, 0.0]), 0.0);
    assert_eq!(one([0.0, power(-64), power(-63)], [0.0, 0.0]), 0.0);
    assert_eq!(one([power(-127), 0.0, 0.0], [0.0, 0.0]), 0.0);
    assert_eq!(one([0.0, power(-63), power(-63)], [0.0, 0.0]), power(-126));
    assert!(one([0.0, f32::INFINITY, 0.0], [0.0, 0.0]).is_nan());
}

#[test]
fn products_of_bytes_are_those_of_plain_loops() {
    for signs in [(true, true), (true, false), (false, true), (false, false)] {
        for (rows, columns, depth) in SHAPES {
            let mut operands = [[0_u8; 1024]; 3];
            for (tile, bytes) in operands.iter_mut().enumerate() {
                for (index, byte) in bytes.iter_mut().enumerate() {
                    *byte = (index * 37 + tile * 101 + index / 7) as u8;
                }
            }
            let result = product((rows, columns, depth), &operands, |tiles| {
                let signs = Signs {
                    first: signs.0,
                    second: signs.1,
                };
                assert_eq!(tiles.multiply_int8(TILES_123, signs), Ok(()));
            });
            let number = |bytes: &[u8], at: usize| {
                i32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte]))
            };
            let small = |byte: u8, signed: bool| {
                i64::from(byte) - if signed && byte > 127 { 256 } else { 0 }
            };
            for row in 0..rows {
                for column in 0..columns {
                    let at = 64 * row + 4 * column;
                    let mut sum = i64::from(number(&operands[0], at));
                    for k in 0..4 * depth {
                        let a = operands[1][64 * row + k];
                        let b = operands[2][64 * (k / 4) + 4 * column + k % 4];
                        sum += small(a, signs.0) * small(b, signs.1);
                    }
                    assert_eq!(number(&result, at), sum as i32, "{signs:?} {row}, {column}");
                }
            }
        }
    }
}

#[test]
fn strides_and_base_addresses_are_followed() {
    install();
    if crate::Amx::find().is_some() {
        eprintln!("the processor carries out the instructions itself here");
    }
    let before = carried_out();
    let bytes: Vec<u8> = (0..=255).cycle().take(4096).collect();
    let mut copy = vec![0_u8; 4096];
    let configuration = configuration(&[(16, 64), (5, 12)]);
    // SAFETY: tiles of 16 rows of 64 bytes 128 bytes apart, and of 5 rows of 12, lie within 4,096 bytes.
    unsafe {
        asm!(
            "ldtilecfg [{configuration}]",
            "tileloadd tmm0, [{from} + {stride}*4]",
            "tileloadd tmm1, [{from} + {stride}*2 + 1]",
            "tilestored [{to} + {stride}*1], tmm0",
            "tilestored [{to} + {stride}*1 + 1024], tmm1",
            "tilerelease",
            configuration = in(reg) configuration.as_ptr(),
            from = in(reg) bytes.as_ptr(),
            to = in(reg) copy.as_mut_ptr(),
            stride = in(reg) 64_usize,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack)
        );
    }
    let mut expected = vec![0_u8; 4096];
    for row in 0..16 {
        // The source repeats every 256 bytes.
        expected[64 * row..64 * row + 64].copy_from_slice(&bytes[..64]);
    }
    for row in 0..5 {
        let from = 128 * row + 1;
        expected[1024 + 64 * row..1024 + 64 * row + 12].copy_from_slice(&bytes[from..from + 12]);
    }
    assert!(copy == expected);
    assert!(
        crate::Amx::find().is_some() || carried_out() >= before + 6,
        "six instructions were emulated"
    );
}

#[test]
fn other_illegal_instructions_end_the_process() {
    install();
    // SAFETY: the child does nothing but execute an illegal instruction.
    let status = unsafe {
        let child = libc::fork();
        if child == 0 {
            asm!("ud2", options(noreturn));
        }
        assert!(child > 0, "a process can be forked");
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        status
    };
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGILL);
}
