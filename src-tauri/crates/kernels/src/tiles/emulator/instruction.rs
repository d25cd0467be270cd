//! The encodings of AMX instructions: three-byte VEX prefixes, map 0F38, 128 bits, W0.
//!
//! | opcode | prefix | operands | instruction |
//! |---|---|---|---|
//! | 49 | none | memory, /0 | LDTILECFG |
//! | 49 | none | C0 | TILERELEASE |
//! | 49 | F2 | tile in reg, 11:rrr:000 | TILEZERO |
//! | 4B | F2, 66 | tile, memory with SIB | TILELOADD, TILELOADDT1 |
//! | 4B | F3 | memory with SIB, tile | TILESTORED |
//! | 5C | F3 | sums in reg, first in r/m, second in vvvv | TDPBF16PS |
//! | 5E | F2, F3, 66, none | the same | TDPBSSD, TDPBSUD, TDPBUSD, TDPBUUD |

/// Where in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    /// Number of the base register.
    pub(crate) base: Option<u8>,
    /// Number of the index register, and how far it is shifted.
    pub(crate) index: Option<(u8, u8)>,
    pub(crate) displacement: i32,
}

/// The tiles of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Multiplied {
    pub(crate) sums: usize,
    pub(crate) first: usize,
    pub(crate) second: usize,
}

/// Whether the bytes of the first and of the second tile are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signs {
    pub(crate) first: bool,
    pub(crate) second: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    LoadConfiguration(Address),
    Release,
    Zero(usize),
    Load(usize, Address),
    Store(Address, usize),
    MultiplyBf16(Multiplied),
    MultiplyInt8(Multiplied, Signs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) operation: Operation,
    /// Bytes.
    pub(crate) length: usize,
}

/// What stands before the opcode, in the prefix.
#[derive(Clone, Copy)]
struct Vex {
    /// Adds 8 to the ModRM register, the index and the base.
    register: u8,
    index: u8,
    base: u8,
    /// The further operand, not inverted.
    operand: u8,
    /// 0: none, 1: 66, 2: F3, 3: F2.
    prefix: u8,
}

/// The AMX instruction that begins there, if it is one of those above.
///
/// # Safety
/// An instruction can be fetched there.
pub(crate) unsafe fn decode(at: *const u8) -> Option<Instruction> {
    // Each byte is looked at only when those before it say that it belongs to the instruction.
    // SAFETY: the caller's promise.
    let byte = |index: usize| unsafe { at.add(index).read() };
    if byte(0) != 0xC4 {
        return None;
    }
    let (second, third) = (byte(1), byte(2));
    let (map, wide, long) = (second & 0x1F, third & 0x80 != 0, third & 4 != 0);
    if map != 2 || wide || long {
        return None;
    }
    let vex = Vex {
        register: (!second >> 7 & 1) << 3,
        index: (!second >> 6 & 1) << 3,
        base: (!second >> 5 & 1) << 3,
        operand: !(third >> 3) & 15,
        prefix: third & 3,
    };
    let (opcode, modrm) = (byte(3), byte(4));
    let (in_memory, register, other) = (modrm >> 6 != 3, modrm >> 3 & 7, modrm & 7);
    // Without a further operand the field must be 1111.
    let alone = vex.operand == 0;
    let tile = |number: u8| (number < 8).then_some(usize::from(number));
    let simple = |operation| {
        Some(Instruction {
            operation,
            length: 5,
        })
    };
    let multiplied = || {
        let tiles = Multiplied {
            sums: tile(register | vex.register)?,
            first: tile(other | vex.base)?,
            second: tile(vex.operand)?,
        };
        (!in_memory).then_some(tiles)
    };
    match (opcode, vex.prefix, in_memory) {
        (0x49, 0, true) if alone && register == 0 => {
            let (address, length) = address(byte, vex, modrm)?;
            let operation = Operation::LoadConfiguration(address);
            Some(Instruction { operation, length })
        }
        (0x49, 0, false) if alone && modrm == 0xC0 => simple(Operation::Release),
        (0x49, 3, false) if alone && other == 0 => {
            simple(Operation::Zero(tile(register | vex.register)?))
        }
        // Only with a SIB byte.
        (0x4B, 1..=3, true) if alone && other == 4 => {
            let tile = tile(register | vex.register)?;
            let (address, length) = address(byte, vex, modrm)?;
            let operation = match vex.prefix {
                2 => Operation::Store(address, tile),
                _ => Operation::Load(tile, address),
            };
            Some(Instruction { operation, length })
        }
        (0x5C, 2, false) => simple(Operation::MultiplyBf16(multiplied()?)),
        (0x5E, prefix, false) => {
            // F3 is signed by unsigned, 66 the other way round.
            let signs = Signs {
                first: matches!(prefix, 2 | 3),
                second: matches!(prefix, 1 | 3),
            };
            simple(Operation::MultiplyInt8(multiplied()?, signs))
        }
        _ => None,
    }
}

/// The address, and the length of the whole instruction.
fn address(byte: impl Fn(usize) -> u8, vex: Vex, modrm: u8) -> Option<(Address, usize)> {
    let (mode, other) = (modrm >> 6, modrm & 7);
    let mut length = 5;
    let (base, index) = match other == 4 {
        true => {
            let sib = byte(5);
            length += 1;
            let index = sib >> 3 & 7 | vex.index;
            // Number 4 is no index; 12 is.
            let index = (index != 4).then_some((index, sib >> 6));
            // No base, but four bytes.
            let base = !(mode == 0 && sib & 7 == 5);
            (base.then_some(sib & 7 | vex.base), index)
        }
        // Relative to the next instruction.
        false if mode == 0 && other == 5 => return None,
        false => (Some(other | vex.base), None),
    };
    let displacement = match (mode, base) {
        (1, _) => {
            length += 1;
            i32::from(byte(length - 1) as i8)
        }
        (2, _) | (0, None) => {
            length += 4;
            let bytes = [4, 3, 2, 1].map(|back| byte(length - back));
            i32::from_le_bytes(bytes)
        }
        _ => 0,
    };
    let address = Address {
        base,
        index,
        displacement,
    };
    Some((address, length))
}
