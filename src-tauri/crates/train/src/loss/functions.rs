//! The logistic function and what is built on it, without overflow at any argument.

/// `1 / (1 + e^-x)`.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let exponential = x.exp();
        exponential / (1.0 + exponential)
    }
}

/// `ln sigmoid(x)`; its derivative is `sigmoid(-x)`.
pub fn log_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

/// The largest mean log-probability that [`log_odds`] tells from certainty.
const NEARLY_CERTAIN: f64 = -1e-12;

/// `ln(p / (1 - p))` of `p = e^x`, and its derivative with respect to `x <= 0`.
pub(super) fn log_odds(x: f64) -> (f64, f64) {
    let x = x.min(NEARLY_CERTAIN);
    let complement = -x.exp_m1();
    (x - complement.ln(), 1.0 / complement)
}
