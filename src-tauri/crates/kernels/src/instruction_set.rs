//! Which instruction sets this process may use: what CPUID offers, what the operating system saves, and for AMX what
//! Linux has permitted.

use std::fmt;

/// An instruction set that matters to matrix work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// 8-bit tiles, 32-bit sums.
    AmxInt8,
    /// bfloat16 tiles, f32 sums.
    AmxBf16,
    /// bfloat16 dot products in 512-bit registers.
    Avx512Bf16,
    /// 8-bit dot products in 512-bit registers.
    Avx512Vnni,
    /// 512-bit registers: foundation, byte/word, doubleword/quadword and vector-length parts together.
    Avx512,
    /// 8-bit dot products in 256-bit registers.
    AvxVnni,
    /// 256-bit registers with fused multiply-add.
    Avx2Fma,
    /// 128-bit registers of every 64-bit ARM processor.
    Neon,
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AmxInt8 => "amx-int8",
            Self::AmxBf16 => "amx-bf16",
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Avx512 => "avx512",
            Self::AvxVnni => "avx-vnni",
            Self::Avx2Fma => "avx2",
            Self::Neon => "neon",
        })
    }
}

/// The instruction sets that may be used here, strongest first. Empty where only plain code runs.
pub fn usable_instruction_sets() -> Vec<InstructionSet> {
    found()
}

#[cfg(target_arch = "x86_64")]
fn found() -> Vec<InstructionSet> {
    use std::arch::is_x86_feature_detected as has;
    // The macro asks CPUID and XCR0 both, so a set that the operating system does not save is not reported.
    let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
    let amx = amx::tiles_usable();
    [
        (InstructionSet::AmxInt8, amx.int8),
        (InstructionSet::AmxBf16, amx.bf16),
        (InstructionSet::Avx512Bf16, avx512 && has!("avx512bf16")),
        (InstructionSet::Avx512Vnni, avx512 && has!("avx512vnni")),
        (InstructionSet::Avx512, avx512),
        (InstructionSet::AvxVnni, has!("avxvnni")),
        (InstructionSet::Avx2Fma, has!("avx2") && has!("fma")),
    ]
    .into_iter()
    .filter_map(|(set, usable)| usable.then_some(set))
    .collect()
}

#[cfg(target_arch = "aarch64")]
fn found() -> Vec<InstructionSet> {
    vec![InstructionSet::Neon]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn found() -> Vec<InstructionSet> {
    Vec::new()
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx {
    //! AMX needs three yeses: CPUID leaf 7, XCR0 bits 17 and 18, and on Linux a permission asked for once a process
    //! (Documentation/arch/x86/xstate.rst of the kernel).
    #![allow(unsafe_code)]

    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

    #[derive(Default)]
    pub(crate) struct Tiles {
        pub(crate) int8: bool,
        pub(crate) bf16: bool,
    }

    pub(crate) fn tiles_usable() -> Tiles {
        if __cpuid(0).eax < 7 {
            return Tiles::default();
        }
        let edx = __cpuid_count(7, 0).edx;
        let bit = |index: u32| edx >> index & 1 == 1;
        if !bit(24) || !operating_system_saves_tiles() || !permitted() {
            return Tiles::default();
        }
        Tiles {
            bf16: bit(22),
            int8: bit(25),
        }
    }

    fn operating_system_saves_tiles() -> bool {
        const OSXSAVE: u32 = 1 << 27;
        const XTILECFG_AND_XTILEDATA: u64 = 0b11 << 17;
        #[target_feature(enable = "xsave")]
        fn xcr0() -> u64 {
            // SAFETY: the caller has seen OSXSAVE, so XGETBV of register 0 exists and is enabled.
            unsafe { _xgetbv(0) }
        }
        if __cpuid(1).ecx & OSXSAVE == 0 {
            return false;
        }
        // SAFETY: OSXSAVE implies the xsave feature.
        let saved = unsafe { xcr0() };
        saved & XTILECFG_AND_XTILEDATA == XTILECFG_AND_XTILEDATA
    }

    #[cfg(target_os = "linux")]
    fn permitted() -> bool {
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: arch_prctl with these arguments reads and writes no memory of ours; it fails where it is unknown.
        unsafe {
            libc::syscall(
                libc::SYS_arch_prctl,
                ARCH_REQ_XCOMP_PERM,
                XFEATURE_XTILEDATA,
            ) == 0
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn permitted() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stronger_sets_bring_the_weaker_ones() {
        let sets = usable_instruction_sets();
        eprintln!("instruction sets here: {sets:?}");
        let has = |set| sets.contains(&set);
        assert!(!has(InstructionSet::Avx512Bf16) || has(InstructionSet::Avx512));
        assert!(!has(InstructionSet::Avx512) || has(InstructionSet::Avx2Fma));
        assert!(sets.is_sorted(), "strongest first");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn agrees_with_the_kernel() {
        let Ok(text) = std::fs::read_to_string("/proc/cpuinfo") else {
            eprintln!("no /proc/cpuinfo here: nothing to compare with");
            return;
        };
        let Some(flags) = text.lines().find(|line| line.starts_with("flags")) else {
            eprintln!("/proc/cpuinfo lists no flags here: nothing to compare with");
            return;
        };
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let sets = usable_instruction_sets();
        for (flag, set) in [
            ("amx_bf16", InstructionSet::AmxBf16),
            ("amx_int8", InstructionSet::AmxInt8),
            ("avx512_bf16", InstructionSet::Avx512Bf16),
            ("avx512_vnni", InstructionSet::Avx512Vnni),
            ("avx2", InstructionSet::Avx2Fma),
        ] {
            assert_eq!(flags.contains(&flag), sets.contains(&set), "{flag}");
        }
    }
}
