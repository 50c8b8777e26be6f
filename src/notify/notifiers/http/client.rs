//! Makes the client that the settings ask for.

use std::time::Duration as StdDuration;

use http::StatusCode;
use reqwest::{Client, ClientBuilder, NoProxy, Proxy, redirect};
use rustls::ClientConfig;

use crate::model::Problem;

use super::{HttpConfig, tls};

/// Most redirects in a row.
const MOST_REDIRECTS: usize = 10;

/// A client for one receiver.
pub(super) fn build(http: &HttpConfig) -> Result<Client, Box<Problem>> {
    // Somebody has to choose a provider once for the process; who came first does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let proxy = proxy(http)?;
    let builder = || {
        let builder = Client::builder()
            .user_agent(concat!("memsentry/", env!("CARGO_PKG_VERSION")))
            .redirect(redirects(http.follow_redirects))
            .connect_timeout(StdDuration::from_secs(10))
            .pool_max_idle_per_host(2);
        with_proxy(builder, http, proxy.clone())
    };
    let failed =
        |error: reqwest::Error| Box::new(Problem::at("http_config", format!("no HTTP client can be made: {error}")));
    let own = http.tls_config.as_ref().map(tls::config).transpose()?.flatten();
    match own {
        Some(config) => builder().tls_backend_preconfigured(config).build().map_err(failed),
        None => builder().build().or_else(|_| builder().tls_backend_preconfigured(mozilla()).build()).map_err(failed),
    }
}

fn mozilla() -> ClientConfig {
    ClientConfig::builder().with_root_certificates(tls::mozilla()).with_no_client_auth()
}

fn proxy(http: &HttpConfig) -> Result<Option<Proxy>, Box<Problem>> {
    let Some(url) = &http.proxy_url else { return Ok(None) };
    let url = url.parse("http_config.proxy_url")?;
    let proxy = Proxy::all(url)
        .map_err(|error| Box::new(Problem::at("http_config.proxy_url", error.without_url().to_string())))?;
    Ok(Some(proxy.no_proxy(http.no_proxy.as_deref().and_then(NoProxy::from_string))))
}

fn with_proxy(builder: ClientBuilder, http: &HttpConfig, proxy: Option<Proxy>) -> ClientBuilder {
    match proxy {
        Some(proxy) => builder.proxy(proxy),
        None if http.proxy_from_environment => builder,
        None => builder.no_proxy(),
    }
}

/// Follows only what keeps the method and the body, and never into the open.
fn redirects(follow: bool) -> redirect::Policy {
    if !follow {
        return redirect::Policy::none();
    }
    redirect::Policy::custom(|attempt| {
        let keeps = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let was_secret = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        let opens = was_secret && attempt.url().scheme() != "https";
        if keeps && !opens && attempt.previous().len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
    })
}
