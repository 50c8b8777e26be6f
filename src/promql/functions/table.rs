//! The function table, sorted by name.

use super::Type::{Matrix, Scalar, String as Text, Vector};
use super::over_time::{self, compare};
use super::{Body, Function, OverRange, Type, histogram, info, label, math, presence, rate, regression, sort, time};

/// A function with a fixed number of arguments.
const fn row(name: &'static str, args: &'static [Type], returns: Type, body: Body) -> Function {
    Function { name, args, optional: 0, repeats: false, returns, experimental: false, body }
}

/// The last `optional` arguments may be left out; with `repeats` the last may come more than once.
const fn variadic(mut function: Function, optional: usize, repeats: bool) -> Function {
    function.optional = optional;
    function.repeats = repeats;
    function
}

/// Marks what Prometheus has behind a feature flag.
const fn experimental(mut function: Function) -> Function {
    function.experimental = true;
    function
}

const fn map(name: &'static str, body: fn(f64) -> f64) -> Function {
    row(name, &[Vector], Vector, Body::Map(body))
}

const fn date(name: &'static str, body: fn(&time::Date) -> f64) -> Function {
    variadic(row(name, &[Vector], Vector, Body::Date(body)), 1, false)
}

type OverBody = fn(&super::Window<'_>, &mut Vec<f64>) -> Option<f64>;

const fn plain(body: OverBody) -> OverRange {
    OverRange { body, from_ends: None, keeps_name: false, remark: None, after: None }
}

const fn over(name: &'static str, body: OverBody) -> Function {
    row(name, &[Matrix], Vector, Body::OverRange(plain(body)))
}

const fn over_with(name: &'static str, args: &'static [Type], over: OverRange) -> Function {
    row(name, args, Vector, Body::OverRange(over))
}

const fn keeping(body: OverBody) -> OverRange {
    OverRange { keeps_name: true, ..plain(body) }
}

const fn counter(body: OverBody, from_ends: super::FromEnds) -> OverRange {
    OverRange { from_ends: Some(from_ends), after: Some(rate::remark_non_counter), ..plain(body) }
}

const SMOOTHING: OverRange =
    OverRange { remark: Some(regression::check_factors), ..plain(regression::double_exponential_smoothing) };

const QUANTILE: OverRange =
    OverRange { remark: Some(over_time::check_quantile), ..plain(over_time::quantile_over_time) };

/// Functions over native histograms: there are none here, so they answer nothing.
const fn native(name: &'static str) -> Function {
    row(name, &[Vector], Vector, Body::Special(histogram::native_only))
}

pub(super) static FUNCTIONS: &[Function] = &[
    map("abs", f64::abs),
    row("absent", &[Vector], Vector, Body::Special(presence::absent)),
    row("absent_over_time", &[Matrix], Vector, Body::Special(presence::absent_over_time)),
    map("acos", f64::acos),
    map("acosh", math::acosh),
    map("asin", f64::asin),
    map("asinh", math::asinh),
    map("atan", f64::atan),
    map("atanh", math::atanh),
    over("avg_over_time", over_time::avg_over_time),
    map("ceil", f64::ceil),
    over("changes", over_time::changes),
    row("clamp", &[Vector, Scalar, Scalar], Vector, Body::MapWith(math::clamp)),
    row("clamp_max", &[Vector, Scalar], Vector, Body::MapWith(math::clamp_max)),
    row("clamp_min", &[Vector, Scalar], Vector, Body::MapWith(math::clamp_min)),
    map("cos", f64::cos),
    map("cosh", math::cosh),
    over("count_over_time", over_time::count_over_time),
    date("day_of_month", time::day_of_month),
    date("day_of_week", time::day_of_week),
    date("day_of_year", time::day_of_year),
    date("days_in_month", time::days_in_month),
    map("deg", math::deg),
    over("delta", rate::delta),
    over("deriv", regression::deriv),
    over_with("double_exponential_smoothing", &[Matrix, Scalar, Scalar], SMOOTHING),
    experimental(row("end", &[], Scalar, Body::Special(time::end))),
    map("exp", f64::exp),
    experimental(over_with("first_over_time", &[Matrix], keeping(over_time::first_over_time))),
    map("floor", f64::floor),
    native("histogram_avg"),
    native("histogram_count"),
    row("histogram_fraction", &[Scalar, Scalar, Vector], Vector, Body::Special(histogram::histogram_fraction)),
    row("histogram_quantile", &[Scalar, Vector], Vector, Body::Special(histogram::histogram_quantile)),
    experimental(variadic(
        row("histogram_quantiles", &[Vector, Text, Scalar], Vector, Body::Special(histogram::histogram_quantiles)),
        0,
        true,
    )),
    native("histogram_stddev"),
    native("histogram_stdvar"),
    native("histogram_sum"),
    over_with("holt_winters", &[Matrix, Scalar, Scalar], SMOOTHING),
    date("hour", time::hour),
    over("idelta", rate::idelta),
    over_with("increase", &[Matrix], counter(rate::increase, rate::increase_from_ends)),
    experimental(variadic(row("info", &[Vector, Vector], Vector, Body::Special(info::info)), 1, false)),
    over("irate", rate::irate),
    variadic(row("label_join", &[Vector, Text, Text, Text], Vector, Body::Special(label::label_join)), 1, true),
    row("label_replace", &[Vector, Text, Text, Text, Text], Vector, Body::Special(label::label_replace)),
    over_with("last_over_time", &[Matrix], keeping(over_time::last_over_time)),
    map("ln", f64::ln),
    map("log10", f64::log10),
    map("log2", f64::log2),
    experimental(over("mad_over_time", over_time::mad_over_time)),
    experimental(row("max_of", &[Scalar, Scalar], Scalar, Body::Scalars(math::max_of))),
    over("max_over_time", compare::max_over_time),
    experimental(row("min_of", &[Scalar, Scalar], Scalar, Body::Scalars(math::min_of))),
    over("min_over_time", compare::min_over_time),
    date("minute", time::minute),
    date("month", time::month),
    row("pi", &[], Scalar, Body::Scalars(math::pi)),
    over_with("predict_linear", &[Matrix, Scalar], plain(regression::predict_linear)),
    over("present_over_time", over_time::present_over_time),
    over_with("quantile_over_time", &[Scalar, Matrix], QUANTILE),
    map("rad", math::rad),
    experimental(row("range", &[], Scalar, Body::Special(time::range))),
    over_with("rate", &[Matrix], counter(rate::rate, rate::rate_from_ends)),
    over("resets", over_time::resets),
    variadic(row("round", &[Vector, Scalar], Vector, Body::MapWith(math::round)), 1, false),
    row("scalar", &[Vector], Scalar, Body::Special(presence::scalar)),
    map("sgn", math::sgn),
    map("sin", f64::sin),
    map("sinh", math::sinh),
    row("sort", &[Vector], Vector, Body::Special(sort::sort)),
    experimental(variadic(row("sort_by_label", &[Vector, Text], Vector, Body::Special(sort::sort_by_label)), 1, true)),
    experimental(variadic(
        row("sort_by_label_desc", &[Vector, Text], Vector, Body::Special(sort::sort_by_label_desc)),
        1,
        true,
    )),
    row("sort_desc", &[Vector], Vector, Body::Special(sort::sort_desc)),
    map("sqrt", f64::sqrt),
    experimental(row("start", &[], Scalar, Body::Special(time::start))),
    over("stddev_over_time", over_time::stddev_over_time),
    over("stdvar_over_time", over_time::stdvar_over_time),
    experimental(row("step", &[], Scalar, Body::Special(time::step))),
    over("sum_over_time", over_time::sum_over_time),
    map("tan", f64::tan),
    map("tanh", f64::tanh),
    row("time", &[], Scalar, Body::Special(time::time)),
    row("timestamp", &[Vector], Vector, Body::Special(presence::timestamp)),
    experimental(over("ts_of_first_over_time", compare::ts_of_first_over_time)),
    experimental(over("ts_of_last_over_time", compare::ts_of_last_over_time)),
    experimental(over("ts_of_max_over_time", compare::ts_of_max_over_time)),
    experimental(over("ts_of_min_over_time", compare::ts_of_min_over_time)),
    row("vector", &[Scalar], Vector, Body::Special(presence::vector)),
    date("year", time::year),
];
