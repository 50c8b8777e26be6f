//! Dates in UTC, and the times of the query itself.

use crate::promql::EvalError;
use crate::promql::eval::block::{Column, Output};
use crate::promql::eval::frame::Frame;
use crate::promql::eval::{Call, Evaluator};

const DAY: i64 = 86_400;

/// A moment in the proleptic Gregorian calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    year: i64,
    month: i64,
    day: i64,
    days_since_epoch: i64,
    second_of_day: i64,
}

impl Date {
    /// From seconds since 1970.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY);
        // Years are counted from 1 March 0000, so that a leap day is the last day of its year.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            days_since_epoch: days,
            second_of_day: seconds.rem_euclid(DAY),
        }
    }

    fn is_leap_year(&self) -> bool {
        (self.year % 4 == 0 && self.year % 100 != 0) || self.year % 400 == 0
    }

    fn month_length(&self, month: i64) -> i64 {
        match month {
            2 => 28 + i64::from(self.is_leap_year()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn number(value: i64) -> f64 {
    value as f64
}

pub(super) fn year(date: &Date) -> f64 {
    number(date.year)
}

pub(super) fn month(date: &Date) -> f64 {
    number(date.month)
}

pub(super) fn day_of_month(date: &Date) -> f64 {
    number(date.day)
}

/// Sunday is 0.
pub(super) fn day_of_week(date: &Date) -> f64 {
    number((date.days_since_epoch + 4).rem_euclid(7))
}

pub(super) fn day_of_year(date: &Date) -> f64 {
    number((1..date.month).map(|month| date.month_length(month)).sum::<i64>() + date.day)
}

pub(super) fn days_in_month(date: &Date) -> f64 {
    number(date.month_length(date.month))
}

pub(super) fn hour(date: &Date) -> f64 {
    number(date.second_of_day / 3600)
}

pub(super) fn minute(date: &Date) -> f64 {
    number(date.second_of_day / 60 % 60)
}

fn seconds(millis: i64) -> f64 {
    number(millis) / 1000.0
}

#[allow(clippy::unnecessary_wraps)]
fn constant(value: f64) -> Result<Output, EvalError> {
    Ok(Output::Scalar(Column::Constant(value)))
}

#[allow(clippy::unnecessary_wraps)]
pub(super) fn time(_: &mut Evaluator<'_>, _: &Call<'_>, frame: Frame) -> Result<Output, EvalError> {
    Ok(Output::Scalar(Column::Steps((0..frame.steps).map(|step| seconds(frame.time(step))).collect())))
}

pub(super) fn start(evaluator: &mut Evaluator<'_>, _: &Call<'_>, _: Frame) -> Result<Output, EvalError> {
    constant(seconds(evaluator.query.start))
}

pub(super) fn end(evaluator: &mut Evaluator<'_>, _: &Call<'_>, _: Frame) -> Result<Output, EvalError> {
    constant(seconds(evaluator.query.until))
}

pub(super) fn step(evaluator: &mut Evaluator<'_>, _: &Call<'_>, _: Frame) -> Result<Output, EvalError> {
    constant(seconds(evaluator.query.step))
}

pub(super) fn range(evaluator: &mut Evaluator<'_>, _: &Call<'_>, _: Frame) -> Result<Output, EvalError> {
    constant(seconds(evaluator.query.until.saturating_sub(evaluator.query.start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_before_and_after_the_epoch_are_right() {
        let parts = |seconds| {
            let date = Date::from_seconds(seconds);
            [year(&date), month(&date), day_of_month(&date), day_of_week(&date), day_of_year(&date), hour(&date)]
        };
        assert_eq!(parts(0), [1970., 1., 1., 4., 1., 0.]);
        assert_eq!(parts(-1), [1969., 12., 31., 3., 365., 23.]);
        assert_eq!(parts(951_782_400), [2000., 2., 29., 2., 60., 0.]);
        assert_eq!(parts(4_107_542_399), [2100., 2., 28., 0., 59., 23.]);
    }
}
