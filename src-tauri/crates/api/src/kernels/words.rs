//! What people and pages are told about kernels.

use nc_kernels::{Choice, KERNELS_VARIABLE, PathName, PathTrial, Rates, Reason, WorkKind};

use super::{Asked, Decision};
use crate::dto::{
    KernelChoice, KernelPath, KernelRates, KernelReason, KernelReport, KernelTrial, KernelWork,
};

pub(super) fn report(asked: Asked, trials: &[PathTrial], decision: &Decision) -> KernelReport {
    KernelReport {
        trials: trials.iter().map(KernelTrial::from).collect(),
        choices: decision.choices.iter().map(choice).collect(),
        variable: asked.variable.map(KernelPath::from),
        setting: asked.setting.map(KernelPath::from),
        notice: decision.notice.clone(),
    }
}

pub(super) fn variable_is_faulty(path: PathName, fault: &str) -> String {
    format!(
        "The {path} kernels, which {KERNELS_VARIABLE} asks for, failed their self-check: {fault}. Unset it unless you know why."
    )
}

pub(super) fn setting_is_not_here(path: PathName) -> String {
    format!(
        "The {path} kernels, which are set, need instructions that this machine does not offer; kernels are chosen automatically."
    )
}

pub(super) fn setting_is_faulty(path: PathName, fault: &str) -> String {
    format!(
        "The {path} kernels, which are set, failed their self-check on this machine: {fault}. Kernels are chosen automatically."
    )
}

impl KernelPath {
    /// As written in settings and `NEURALCHAT_KERNELS`.
    pub fn as_str(self) -> &'static str {
        PathName::from(self).as_str()
    }
}

impl KernelWork {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        WorkKind::from(self).as_str()
    }
}

impl KernelReport {
    /// The paths chosen, in a word or a few.
    pub fn summary(&self) -> String {
        self.joined(|choice| choice.path.as_str().to_owned())
    }

    /// Why they were chosen.
    pub fn reason(&self) -> String {
        self.joined(|choice| choice.why.clone())
    }

    /// What is said of the choices: once where it is the same of all.
    fn joined(&self, say: impl Fn(&KernelChoice) -> String) -> String {
        let said: Vec<String> = self.choices.iter().map(&say).collect();
        if let [first, rest @ ..] = &said[..]
            && rest.iter().all(|other| other == first)
        {
            return first.clone();
        }
        let each = self.choices.iter().zip(said);
        let parts: Vec<String> = each
            .map(|(choice, said)| format!("{}: {said}", choice.work.as_str()))
            .collect();
        parts.join(", ")
    }
}

fn choice(choice: &Choice) -> KernelChoice {
    let (reason, why) = match choice.reason {
        Reason::Only => (
            KernelReason::Only,
            "the only ones that this processor offers",
        ),
        Reason::OnlySound => (
            KernelReason::OnlySound,
            "the only ones here that passed their self-check",
        ),
        Reason::Fastest => (KernelReason::Fastest, "the fastest when measured here"),
        Reason::AsFast => (
            KernelReason::AsFast,
            "the strongest of those that measured equally fast here",
        ),
        Reason::Variable => (KernelReason::Variable, "asked for by NEURALCHAT_KERNELS"),
        Reason::Setting => (KernelReason::Setting, "asked for in Settings"),
    };
    KernelChoice {
        work: choice.work.into(),
        path: choice.path.into(),
        reason,
        why: why.to_owned(),
    }
}

/// The same names on both sides.
macro_rules! same_names {
    ($ours:ident, $theirs:ident: $($name:ident),+) => {
        impl From<$theirs> for $ours {
            fn from(from: $theirs) -> Self {
                match from {
                    $($theirs::$name => Self::$name),+
                }
            }
        }

        impl From<$ours> for $theirs {
            fn from(from: $ours) -> Self {
                match from {
                    $($ours::$name => Self::$name),+
                }
            }
        }
    };
}
same_names!(KernelPath, PathName: Portable, Avx2, Avx512, Avx512Bf16, Amx);
same_names!(KernelWork, WorkKind: Prefill, Decode, Backward);

impl From<&PathTrial> for KernelTrial {
    fn from(trial: &PathTrial) -> Self {
        let rates = trial.outcome.as_ref().ok().map(|rates| KernelRates {
            prefill_gflop_per_s: rates.prefill,
            decode_gb_per_s: rates.decode,
            backward_gflop_per_s: rates.backward,
        });
        Self {
            path: trial.path.into(),
            rates,
            fault: trial.outcome.as_ref().err().cloned(),
        }
    }
}

/// Back from what was kept; none where it says both or neither, or gives rates that cannot be.
pub(super) fn trial(kept: KernelTrial) -> Option<PathTrial> {
    let outcome = match (kept.rates, kept.fault) {
        (Some(rates), None) => {
            let rates = Rates {
                prefill: rates.prefill_gflop_per_s,
                decode: rates.decode_gb_per_s,
                backward: rates.backward_gflop_per_s,
            };
            let sound = WorkKind::ALL
                .map(|work| rates.of(work))
                .into_iter()
                .all(|rate| rate.is_finite() && rate > 0.0);
            Ok(sound.then_some(rates)?)
        }
        (None, Some(fault)) => Err(fault),
        _ => return None,
    };
    Some(PathTrial {
        path: kept.path.into(),
        outcome,
    })
}
