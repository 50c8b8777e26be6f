//! What the queue says about the service. Every series carries the target's configured name.

use crate::metrics::{Definition, Kind, buckets};

macro_rules! define {
    ($($name:ident = $metric:literal, $kind:expr, [$($label:literal),*], $help:literal;)*) => {
        $(pub(super) static $name: Definition =
            Definition { name: $metric, help: $help, kind: $kind, labels: &[$($label),*] };)*
        /// Every metric of this module.
        pub static DEFINITIONS: &[&Definition] = &[$(&$name),*];
    };
}

define! {
    UP = "chat_memory_database_up", Kind::Gauge, ["target"],
        "Whether the last read of the queue succeeded.";
    READ_DURATION = "chat_memory_database_read_duration_seconds", Kind::Gauge, ["target"],
        "How long the last read of the queue took, successful or not.";
    LAST_SUCCESS = "chat_memory_database_last_success_timestamp_seconds", Kind::Gauge, ["target"],
        "When the queue was last read successfully, by memsentry's clock.";
    READ_FAILURES = "chat_memory_database_read_failures_total", Kind::Counter, ["target", "reason"],
        "Reads of the queue that failed: unreachable, timeout (ours or the statement's), refused (missing table or grant).";
    DEPTH = "chat_memory_queue_depth", Kind::Gauge, ["target"],
        "Open rows of the queue: neither complete nor failed. A lower bound where chat_memory_queue_depth_capped is 1.";
    ENTRIES = "chat_memory_queue_entries", Kind::Gauge, ["target", "status"],
        "Rows by status, open statuses and failed only; counting completed rows would cost with their number.";
    CAPPED = "chat_memory_queue_depth_capped", Kind::Gauge, ["target"],
        "Whether a status has more rows than are counted (max_depth), so that depth and entries are lower bounds.";
    OLDEST_AGE = "chat_memory_queue_oldest_age_seconds", Kind::Gauge, ["target", "status"],
        "Age of the oldest row by status, by the database's clock; 0 if there is none.";
    RETRYING = "chat_memory_queue_retrying_entries", Kind::Gauge, ["target"],
        "Open rows with failed attempts, among the oldest 5000 of each status.";
    STUCK = "chat_memory_queue_stuck_entries", Kind::Gauge, ["target"],
        "Open rows older than stuck_after.";
    ENQUEUED = "chat_memory_queue_enqueued_total", Kind::Counter, ["target"],
        "Rows that came into the queue since memsentry started. Rows deleted before the next read are not seen.";
    COMPLETED = "chat_memory_queue_completed_total", Kind::Counter, ["target"],
        "Rows that became complete since memsentry started. Deleted and failed rows are not counted.";
    PROCESSING = "chat_memory_queue_processing_duration_seconds", Kind::Histogram(buckets::UPDATE), ["target"],
        "Time from created_at to processed_at; where the service does not set it, to the read that first saw the row complete: up to one read interval too long.";
    ESTIMATED_ROWS = "chat_memory_queue_estimated_rows", Kind::Gauge, ["target"],
        "Rows of the queue table with completed ones, as the database's last VACUUM or ANALYZE estimated them.";
    TABLE_BYTES = "chat_memory_queue_table_bytes", Kind::Gauge, ["target"],
        "Size of the queue table on disk with its indexes.";
    OLDEST_TRANSACTION = "chat_memory_database_oldest_transaction_age_seconds", Kind::Gauge, ["target"],
        "Age of the oldest open transaction in the database; an old one slows every read of the queue. Needs pg_read_all_stats, absent without.";
}
