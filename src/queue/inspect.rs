//! Whether the tables are as memsentry needs them, for a person who sets a deployment up.
//!
//! That the collectors can read is for a read to show; here is what would still work, but worse or at a higher cost.

use super::database::{Database, Use};
use super::error::DatabaseError;
use super::layout::Layout;

/// Columns that some deployments lack, and what is not known without them.
const OPTIONAL: [(&str, &str); 4] = [
    ("processed_at", "processing times are those that memsentry sees, up to one interval too long"),
    ("retry_count", "failed attempts are not counted"),
    ("error_message", "the worker's errors are not told"),
    ("chat_id", "rows of memsentry's own conversations cannot be told from others"),
];

/// What a look at the tables brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// What works, but not as well as it could, and what to do about it.
    pub doubts: Vec<(String, String)>,
    /// What does not work although the settings ask for it, and what to do about it.
    pub failures: Vec<(String, String)>,
}

impl Database {
    /// Looks at columns, indexes and grants; one exchange for each role, under the configured time-out.
    ///
    /// # Errors
    /// The database cannot be reached, or lacks what nothing works without.
    pub async fn inspect(&self) -> Result<Inspection, DatabaseError> {
        let layout = self.layout(Use::Probe).await?;
        let mut found = Inspection { doubts: doubts(&layout, &self.shared().names.queue), failures: Vec::new() };
        let settings = &self.shared().settings;
        if settings.cleanup {
            let cleaning = self.layout(Use::Cleanup).await?;
            let role = if settings.cleanup_url.is_some() { "the role of cleanup_url" } else { "the role" };
            match cleaning.conversations.as_ref() {
                None => found.failures.push((
                    "cleanup is true, and there is no table of conversations".to_owned(),
                    "name it in tables.conversations, or set cleanup: false".to_owned(),
                )),
                Some(conversations) if !conversations.deletable => found.failures.push((
                    format!("cleanup is true, and {role} may not delete from {}", conversations.name),
                    format!("GRANT DELETE ON {} TO …, or set cleanup: false", conversations.name),
                )),
                Some(_) => {}
            }
        }
        Ok(found)
    }
}

fn doubts(layout: &Layout, queue: &str) -> Vec<(String, String)> {
    let mut doubts = Vec::new();
    if !layout.indexed {
        doubts.push((
            format!("{queue} has no index on (status, created_at), so a read costs with the number of rows"),
            format!("CREATE INDEX CONCURRENTLY ON {queue} (status, created_at)"),
        ));
    }
    if layout.filtered {
        doubts.push((
            format!("row-level security decides which rows of {queue} memsentry sees"),
            "give its role a policy that shows all rows, or BYPASSRLS".to_owned(),
        ));
    }
    for (column, without) in OPTIONAL.into_iter().filter(|(column, _)| !layout.queue.has(column)) {
        doubts.push((
            format!("{queue} has no column {column}: {without}"),
            "nothing, if the service has none".to_owned(),
        ));
    }
    doubts
}
