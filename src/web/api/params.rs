//! Parameters as Prometheus reads them: from the query string, and before it from a form body.

use std::str::FromStr;

use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use http::Method;

use crate::model::{Duration, Timestamp};

use super::ApiError;

/// Names and values in order; names may repeat.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let wrong = |problem: String| ApiError::BadData(format!("error parsing form values: {problem}"));
        let query = Query::<Vec<(String, String)>>::from_request_parts(&mut parts, state).await;
        let Query(query) = query.map_err(|error| wrong(error.body_text()))?;
        let mut all = Vec::new();
        let is_form = parts
            .headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded"));
        if parts.method == Method::POST && is_form {
            let request = Request::from_parts(parts, body);
            let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
            let Form(form) = form.map_err(|error| wrong(error.body_text()))?;
            all.extend(form);
        }
        all.extend(query);
        Ok(Self(all))
    }
}

impl Params {
    /// The first value of a name; an empty one is as none.
    pub(in crate::web) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Every value of a name.
    pub(in crate::web) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A time: seconds since the epoch, or RFC 3339.
    pub(in crate::web) fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && seconds.abs() < 9e15);
        let time = seconds.map(Timestamp::from_seconds).or_else(|| Timestamp::parse_rfc3339(text));
        time.map(Some).ok_or_else(|| ApiError::parameter(name, format!("cannot parse {text:?} to a valid timestamp")))
    }

    /// A time that must be given.
    pub(super) fn required_time(&self, name: &str) -> Result<Timestamp, ApiError> {
        let missing = || ApiError::parameter(name, "cannot parse \"\" to a valid timestamp");
        self.time(name)?.ok_or_else(missing)
    }

    /// A duration: seconds, or Prometheus's form. Negative seconds are given back as they are, in milliseconds.
    pub(super) fn millis(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || ApiError::parameter(name, format!("cannot parse {text:?} to a valid duration"));
        if let Ok(seconds) = text.parse::<f64>() {
            let fits = seconds.is_finite() && seconds.abs() < 9e12;
            #[allow(clippy::cast_possible_truncation)] // checked
            return if fits { Ok(Some((seconds * 1000.0).round() as i64)) } else { Err(wrong()) };
        }
        let duration = Duration::from_str(text).map_err(|_| wrong())?;
        i64::try_from(duration.std().as_millis()).map(Some).map_err(|_| wrong())
    }

    /// A duration that is longer than nothing.
    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, ApiError> {
        let Some(millis) = self.millis(name)? else { return Ok(None) };
        match u64::try_from(millis) {
            Ok(millis) if millis > 0 => Ok(Some(Duration::from_millis(millis))),
            _ => Err(ApiError::parameter(name, "must be longer than nothing")),
        }
    }

    /// A number of things, as `/api/v1/metadata` reads it: a negative one is as none.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number: i64 = text.parse().map_err(|_| ApiError::BadData(format!("{name} must be a number")))?;
        Ok(usize::try_from(number).ok())
    }

    /// A number of things; 0, which is the default, stands for any number.
    pub(super) fn limit(&self, name: &str) -> Result<usize, ApiError> {
        match self.get(name) {
            None => Ok(0),
            Some(text) => {
                let wrong = || ApiError::parameter(name, format!("cannot parse {text:?} to a non-negative number"));
                text.parse().map_err(|_| wrong())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Params {
        Params(vec![("p".into(), text.into())])
    }

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        let millis = |text| params(text).time("p").map(|time| time.map(Timestamp::millis));
        assert_eq!(millis("1435781451.781"), Ok(Some(1_435_781_451_781)));
        assert_eq!(millis("2015-07-01T20:10:51.781Z"), Ok(Some(1_435_781_451_781)));
        assert_eq!(millis(""), Ok(None));
        for text in ["yesterday", "NaN", "inf", "1e300"] {
            let error =
                ApiError::BadData(format!("invalid parameter \"p\": cannot parse {text:?} to a valid timestamp"));
            assert_eq!(millis(text), Err(error));
        }
    }

    #[test]
    fn durations_are_seconds_or_prometheus_durations() {
        let millis = |text| params(text).millis("p");
        assert_eq!(millis("15"), Ok(Some(15_000)));
        assert_eq!(millis("0.5"), Ok(Some(500)));
        assert_eq!(millis("1h30m"), Ok(Some(5_400_000)));
        assert_eq!(millis("-1"), Ok(Some(-1000)));
        assert!(millis("1x").is_err() && millis("inf").is_err());
        assert!(params("0").duration("p").is_err() && params("-1").duration("p").is_err());
    }

    #[test]
    fn a_limit_is_a_number_from_zero() {
        assert_eq!(params("7").limit("p"), Ok(7));
        assert_eq!(params("").limit("p"), Ok(0));
        assert!(params("-1").limit("p").is_err());
        assert_eq!(params("0").number("p"), Ok(Some(0)));
        assert_eq!(params("-1").number("p"), Ok(None));
        assert_eq!(params("few").number("p"), Err(ApiError::BadData("p must be a number".into())));
    }
}
