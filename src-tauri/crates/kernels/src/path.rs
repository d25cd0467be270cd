//! Which instructions a kernel is run with.

use std::fmt;
use std::str::FromStr;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Work};
#[cfg(target_arch = "x86_64")]
use crate::tiles::{Amx, Bf16Dots};

/// The name of a path, for settings and reports. Ordered from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathName {
    /// Plain code.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 with VNNI.
    Avx512,
    /// AVX-512 with VNNI and bfloat16 dot products.
    Avx512Bf16,
    /// AVX-512 and tiles.
    Amx,
}

impl PathName {
    /// Every path there is.
    pub const ALL: [Self; 5] = [
        Self::Portable,
        Self::Avx2,
        Self::Avx512,
        Self::Avx512Bf16,
        Self::Amx,
    ];

    /// As written in settings and `NEURALCHAT_KERNELS`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Amx => "amx",
        }
    }
}

impl fmt::Display for PathName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for PathName {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let wanted = text.trim().to_ascii_lowercase();
        let found = Self::ALL.into_iter().find(|name| name.as_str() == wanted);
        found.ok_or(PathError::Unknown { wanted })
    }
}

/// A path that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathError {
    /// No path is called that.
    Unknown {
        /// What was asked for.
        wanted: String,
    },
    /// The processor or the operating system lacks the instructions.
    NotHere {
        /// What was asked for.
        wanted: PathName,
        /// The strongest path there is here.
        strongest: PathName,
    },
}

impl fmt::Display for PathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { wanted } => {
                let names = PathName::ALL.map(PathName::as_str).join(", ");
                write!(
                    formatter,
                    "there are no kernels called '{wanted}'; choose one of {names}"
                )
            }
            Self::NotHere { wanted, strongest } => write!(
                formatter,
                "the {wanted} kernels need instructions that this machine does not offer; the strongest here are {strongest}"
            ),
        }
    }
}

impl std::error::Error for PathError {}

/// A path that can be taken here: each value holds the proof that its instructions exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Plain code.
    Portable(Portable),
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// The same, with bfloat16 dot products for products of many rows.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(Avx512, Bf16Dots),
    /// The same, with tiles for products of many rows.
    #[cfg(target_arch = "x86_64")]
    Amx(Avx512, Amx),
}

impl Path {
    /// All paths of this machine, from the weakest to the strongest.
    pub fn all() -> Vec<Self> {
        PathName::ALL.into_iter().filter_map(Self::find).collect()
    }

    /// The strongest path of this machine.
    pub fn strongest() -> Self {
        Self::all().pop().unwrap_or(Self::Portable(Portable))
    }

    /// The path of that name, where its instructions exist.
    pub fn find(name: PathName) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return match name {
            PathName::Portable => Some(Self::Portable(Portable)),
            PathName::Avx2 => Avx2::find().map(Self::Avx2),
            PathName::Avx512 => Avx512::find().map(Self::Avx512),
            PathName::Avx512Bf16 => Some(Self::Avx512Bf16(Avx512::find()?, Bf16Dots::find()?)),
            PathName::Amx => Some(Self::Amx(Avx512::find()?, Amx::find()?)),
        };
        #[cfg(not(target_arch = "x86_64"))]
        return (name == PathName::Portable).then_some(Self::Portable(Portable));
    }

    /// The path of that name.
    ///
    /// # Errors
    /// [`PathError::NotHere`].
    pub fn get(name: PathName) -> Result<Self, PathError> {
        Self::find(name).ok_or_else(|| PathError::NotHere {
            wanted: name,
            strongest: Self::strongest().name(),
        })
    }

    /// Its name.
    pub fn name(self) -> PathName {
        match self {
            Self::Portable(_) => PathName::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => PathName::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => PathName::Avx512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16(..) => PathName::Avx512Bf16,
            #[cfg(target_arch = "x86_64")]
            Self::Amx(..) => PathName::Amx,
        }
    }

    /// Computes `work` with this path's registers.
    #[inline]
    pub fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            Self::Portable(portable) => work.run(portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.run(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) | Self::Avx512Bf16(avx512, _) | Self::Amx(avx512, _) => {
                avx512.run(work)
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NEURALCHAT_REQUIRE_KERNELS=amx,avx512` makes a missing path an error, so that a machine meant to test it cannot skip it.
    #[test]
    fn required_paths_are_here() -> Result<(), PathError> {
        let here = Path::all();
        let names: Vec<&str> = here.iter().map(|path| path.name().as_str()).collect();
        eprintln!("paths here: {}", names.join(", "));
        let required = std::env::var("NEURALCHAT_REQUIRE_KERNELS").unwrap_or_default();
        for name in required.split(',').filter(|name| !name.trim().is_empty()) {
            Path::get(name.parse()?)?;
        }
        Ok(())
    }

    #[test]
    fn names_lead_back_to_their_paths() {
        for name in PathName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            match Path::get(name) {
                Ok(path) => assert_eq!(path.name(), name),
                Err(error) => assert!(matches!(error, PathError::NotHere { .. })),
            }
        }
        assert_eq!(" AVX2 ".parse(), Ok(PathName::Avx2));
        assert!("sse".parse::<PathName>().is_err());
    }
}
