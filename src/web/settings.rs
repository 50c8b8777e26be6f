//! Where the pages are served and under which address people reach them.

use std::net::SocketAddr;

use serde::Deserialize;

use crate::model::Problem;

/// Where the daemon listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address and port; 127.0.0.1:9464 unless set, port 0 takes any free one. Whoever reaches it sees everything.
    pub listen: String,
    /// How people reach it, for links in notifications, such as `https://memsentry.example`; the listening address
    /// unless set.
    pub external_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9464".into(), external_url: None }
    }
}

impl Settings {
    /// What is wrong beyond the form.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.address().is_none() {
            let message = format!("{:?} is not an address with a port", self.listen);
            problems.push(Problem::at("listen", message).hint("write for example 127.0.0.1:9464 or [::]:9464"));
        }
        if let Some(url) = &self.external_url {
            let web = url.parse::<http::Uri>().is_ok_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
            });
            if !web || url.contains('#') {
                let message = "not an http or https address without query and fragment".to_owned();
                problems.push(Problem::at("external_url", message).hint("write for example https://memsentry.example"));
            }
        }
        problems
    }

    /// The address to listen on, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    /// The address for links, without a slash at its end; `bound` is what the listener got.
    #[must_use]
    pub fn base_url(&self, bound: SocketAddr) -> String {
        match &self.external_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if bound.ip().is_unspecified() => format!("http://localhost:{}", bound.port()),
            None => format!("http://{bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(listen: &str, external_url: Option<&str>) -> Vec<String> {
        let settings = Settings { listen: listen.into(), external_url: external_url.map(Into::into) };
        settings.problems().into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn addresses_and_urls_are_checked() {
        assert!(paths("127.0.0.1:9464", None).is_empty());
        assert!(paths("[::]:0", Some("https://m.example/sentry/")).is_empty());
        assert_eq!(paths("9464", Some("ftp://m.example")), ["listen", "external_url"]);
        assert_eq!(paths(":9464", Some("https://m.example/?a=b")), ["listen", "external_url"]);
        assert_eq!(paths("127.0.0.1:70000", Some("m.example")), ["listen", "external_url"]);
    }

    #[test]
    fn links_start_with_the_external_url_or_what_was_bound() {
        let bound: SocketAddr = "127.0.0.1:1234".parse().expect("an address");
        let any: SocketAddr = "0.0.0.0:1234".parse().expect("an address");
        let with = Settings { external_url: Some("https://m.example/x/".into()), ..Settings::default() };
        assert_eq!(with.base_url(bound), "https://m.example/x");
        assert_eq!(Settings::default().base_url(bound), "http://127.0.0.1:1234");
        assert_eq!(Settings::default().base_url(any), "http://localhost:1234");
    }
}
