//! The reference service as these suites want it: nothing is slow, and our password is one that can be searched for.

use std::sync::OnceLock;

use crate::reference::Reference;

use super::config::SERVICE_PASSWORD;

/// The one that all tests share which break nothing in it.
pub fn shared_reference() -> &'static Reference {
    static SHARED: OnceLock<Reference> = OnceLock::new();
    SHARED.get_or_init(|| start_reference(&[]))
}

/// One of its own, with a throwaway database unless the arguments name another.
pub fn start_reference(arguments: &[&str]) -> Reference {
    // Many daemons share one user here, and a fault should be over within one interval.
    let fast = ["--rate-limit", "1000000", "--health-cache", "0s", "--password", SERVICE_PASSWORD];
    Reference::start(&[&fast[..], arguments].concat())
}
