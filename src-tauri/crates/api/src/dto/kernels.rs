//! Which kernels this machine offers, how fast each is, and which were chosen.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A path that kernels can take, by the instructions it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum KernelPath {
    /// Plain code.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 with VNNI.
    Avx512,
    /// The same, with bfloat16 dot products.
    #[serde(rename = "avx512-bf16")]
    Avx512Bf16,
    /// AVX-512 and tiles.
    Amx,
}

/// What paths are chosen for, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KernelWork {
    /// Reading a prompt.
    Prefill,
    /// Writing an answer.
    Decode,
    /// Training.
    Backward,
}

/// How fast a path is with small matrices that lie in caches: comparable between paths, not with the machine's limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KernelRates {
    /// Products of many rows, GFLOP/s.
    pub prefill_gflop_per_s: f64,
    /// Products of one row and attention, GB/s of weights and cache.
    pub decode_gb_per_s: f64,
    /// Products of many rows and gradients of attention, GFLOP/s.
    pub backward_gflop_per_s: f64,
}

/// A path of this machine, tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KernelTrial {
    /// Which.
    pub path: KernelPath,
    /// How fast it is; none where it failed its self-check.
    pub rates: Option<KernelRates>,
    /// What was wrong with what it computed, a part of a sentence.
    pub fault: Option<String>,
}

/// Why a path was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KernelReason {
    /// The machine offers no other.
    Only,
    /// All others failed their self-check.
    OnlySound,
    /// None is faster.
    Fastest,
    /// The strongest of those that are as fast as the fastest, to 3 %.
    AsFast,
    /// The environment variable `NEURALCHAT_KERNELS` names it.
    Variable,
    /// Set in Settings.
    Setting,
}

/// The path that a kind of work takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KernelChoice {
    /// What for.
    pub work: KernelWork,
    /// Which.
    pub path: KernelPath,
    /// Why.
    pub reason: KernelReason,
    /// Why, for people: a part of a sentence.
    pub why: String,
}

/// What was found, chosen and why. It holds for the next model that is opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct KernelReport {
    /// Every path of this machine, weakest first.
    pub trials: Vec<KernelTrial>,
    /// One for each kind of work.
    pub choices: Vec<KernelChoice>,
    /// What `NEURALCHAT_KERNELS` names; it goes before the setting.
    pub variable: Option<KernelPath>,
    /// What is set in Settings.
    pub setting: Option<KernelPath>,
    /// What the person should know about it: what was asked for cannot be had, or computes wrong values.
    pub notice: Option<String>,
}
