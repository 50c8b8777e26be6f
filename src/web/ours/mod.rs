//! memsentry's own HTTP API, below `/api/v1/memsentry/`: alerts with everything known about them, history,
//! acknowledgements, drills, load runs.
//!
//! Answers have the envelope of Prometheus's API, times are RFC 3339. What changes something is refused to pages of
//! other sites before it comes here.

pub(super) mod acknowledge;
pub(super) mod alerts;
pub(super) mod drills;
pub(super) mod history;
pub(super) mod load;

use std::time::Duration as StdDuration;

use serde::de::DeserializeOwned;

use crate::model::Duration;
use crate::notify::acknowledge::Refused;

use super::api::ApiError;

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Input(problem) => Self::BadData(problem),
            Refused::Unknown(_) | Refused::NotAcknowledged(_) => Self::NotFound(refused.to_string()),
            Refused::Starting => Self::Unavailable(refused.to_string()),
            Refused::NotStored(_) => Self::Internal(refused.to_string()),
        }
    }
}

/// A body in JSON.
fn read<T: DeserializeOwned>(body: &str) -> Result<T, ApiError> {
    serde_json::from_str(body).map_err(|error| ApiError::BadData(format!("the body cannot be read: {error}")))
}

/// A time as Prometheus writes it; nothing of an empty text.
pub(super) fn duration(text: Option<&str>) -> Result<Option<StdDuration>, ApiError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = |_| ApiError::BadData(format!("{text:?} is not a time such as 30m or 4h"));
    text.parse::<Duration>().map(|duration| Some(duration.std())).map_err(wrong)
}
