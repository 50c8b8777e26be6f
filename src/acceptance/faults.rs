//! The reference service's faults endpoint, by which criteria break it and everybody heals it.

use std::time::Duration as StdDuration;

use reqwest::{Client, Method};
use serde_json::Value;

/// Longest wait for the endpoint.
const LONGEST: StdDuration = StdDuration::from_secs(5);

/// Switches faults, such as `{"worker": "stopped"}`; what is not named stays. Say so in [`super::Healing::faults`]
/// first.
///
/// # Errors
/// It did not happen, or nobody knows; a sentence.
pub async fn change(url: &str, what: &Value) -> Result<(), String> {
    call(url, Method::POST, Some(what)).await
}

/// Ends all faults.
///
/// # Errors
/// They may still be there; a sentence.
pub async fn heal(url: &str) -> Result<(), String> {
    call(url, Method::DELETE, None).await
}

async fn call(url: &str, method: Method, body: Option<&Value>) -> Result<(), String> {
    let url = format!("{}/faults", url.trim_end_matches('/'));
    let told = |error: reqwest::Error| format!("the faults endpoint: {}", error.without_url());
    // Somebody has to choose a provider once for the process; who came first does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().timeout(LONGEST).no_proxy().build().map_err(told)?;
    let mut request = client.request(method, url);
    if let Some(body) = body {
        request = request.json(body);
    }
    request.send().await.and_then(reqwest::Response::error_for_status).map(|_| ()).map_err(told)
}
