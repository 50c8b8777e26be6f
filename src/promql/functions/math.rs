//! Functions of numbers, with the corner cases of Go's `math` package where they differ.

/// Adds `value` to a sum with compensation, Neumaier's variant of Kahan's summation, as Prometheus does.
pub(crate) fn kahan_add(value: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + value;
    if total.is_infinite() {
        return (total, 0.0);
    }
    let lost = if sum.abs() >= value.abs() { (sum - total) + value } else { (value - total) + sum };
    (total, compensation + lost)
}

/// Go's `math.Max`: infinity beats NaN, NaN beats every number, and zero beats minus zero.
fn max(a: f64, b: f64) -> f64 {
    if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// Go's `math.Min`, the mirror image of [`max`].
fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

pub(super) fn max_of(params: &[f64]) -> f64 {
    params.iter().copied().fold(f64::NEG_INFINITY, max)
}

pub(super) fn min_of(params: &[f64]) -> f64 {
    params.iter().copied().fold(f64::INFINITY, min)
}

/// Go's `math.Sinh`: beyond 21 half of the exponential, which is infinite a little earlier than it had to be.
pub(super) fn sinh(value: f64) -> f64 {
    if value.abs() > 21.0 { (value.abs().exp() * 0.5).copysign(value) } else { value.sinh() }
}

/// Go's `math.Cosh`, as [`sinh`].
pub(super) fn cosh(value: f64) -> f64 {
    if value.abs() > 21.0 { value.abs().exp() * 0.5 } else { value.cosh() }
}

pub(super) fn pi(_: &[f64]) -> f64 {
    std::f64::consts::PI
}

pub(super) fn clamp(value: f64, params: &[f64]) -> Option<f64> {
    let [least, most] = params else { return None };
    if most < least { None } else { Some(max(*least, min(*most, value))) }
}

pub(super) fn clamp_max(value: f64, params: &[f64]) -> Option<f64> {
    params.first().map(|most| min(*most, value))
}

pub(super) fn clamp_min(value: f64, params: &[f64]) -> Option<f64> {
    params.first().map(|least| max(*least, value))
}

/// To the nearest multiple; ties go up.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn round(value: f64, params: &[f64]) -> Option<f64> {
    // The inverse is used because it loses less precision than dividing by the multiple.
    let inverse = 1.0 / params.first().copied().unwrap_or(1.0);
    Some((value * inverse + 0.5).floor() / inverse)
}

pub(super) fn sgn(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

pub(super) fn rad(value: f64) -> f64 {
    value * std::f64::consts::PI / 180.0
}

pub(super) fn deg(value: f64) -> f64 {
    value * 180.0 / std::f64::consts::PI
}

pub(super) fn acosh(value: f64) -> f64 {
    value.acosh()
}

pub(super) fn asinh(value: f64) -> f64 {
    value.asinh()
}

pub(super) fn atanh(value: f64) -> f64 {
    value.atanh()
}

/// The quantile `q` of `values`, which it sorts; between two values the weighted mean of both.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    // NaN counts as smaller than everything.
    values.sort_unstable_by(|a, b| {
        b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    });
    #[allow(clippy::cast_precision_loss)]
    let rank = q * (values.len() - 1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let lower = rank.floor().max(0.0) as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}
