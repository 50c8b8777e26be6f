//! Takes away what a run made, in portions that the database can remove within its time-out.
//!
//! A conversation of a load may have hundreds of rows, which go with it; so the portions are small where the rows are
//! many, and smaller still after a failure. Looking for what was made without our knowledge is left to the caller.

use std::time::Duration as StdDuration;

use crate::model::Stopwatch;
use crate::queue::{Database, DatabaseError};

use super::crowd::Chat;

/// Rows that one statement should take along.
const ROWS: u64 = 2_000;
const PAUSE: StdDuration = StdDuration::from_millis(200);

/// Removes these conversations, which have about `rows` queue rows in all; tries again for `within`. Answers how many
/// went.
///
/// # Errors
/// The last failure.
pub async fn remove(database: &Database, chats: &[Chat], rows: u64, within: StdDuration) -> Result<u64, DatabaseError> {
    let watch = Stopwatch::start();
    let each = rows / (chats.len() as u64).max(1) + 1;
    let mut portion = usize::try_from(ROWS / each).unwrap_or(1).clamp(1, 200);
    let mut rest = chats;
    let mut removed = 0;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(portion.min(rest.len()));
        let ids: Vec<String> = now.iter().map(|chat| chat.id.clone()).collect();
        match database.remove_synthetic(&ids).await {
            Ok(gone) => {
                removed += gone;
                rest = later;
            }
            Err(error) if watch.elapsed() >= within => return Err(error),
            Err(_) => {
                portion = (portion / 2).max(1);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    Ok(removed)
}
