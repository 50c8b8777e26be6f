//! How connections are made: proxy, trust, identity, credentials, headers, redirects.

use super::super::fixture::{self, Certificates, build, deliver, notification, proxy, server};
use super::super::webhook::Webhook;
use super::super::{FailureReason, Retry};

async fn told(yaml: &str) -> Result<(), super::super::Failure> {
    deliver(&build::<Webhook>(yaml), &notification()).await
}

#[tokio::test]
async fn http_goes_through_the_proxy_and_https_through_a_tunnel_in_it() {
    let (proxy, heads) = proxy().await;
    let config = format!("http_config: {{proxy_url: 'http://user:pr0xypass@{proxy}'");
    told(&format!("{{url: 'http://far.example/x', {config}}}}}")).await.expect("told");
    let certificates = Certificates::new();
    let url = certificates.server("localhost", false).await;
    let trust = format!("tls_config: {{ca_file: '{}'}}", certificates.path("ca.pem"));
    told(&format!("{{url: '{url}', {config}, {trust}}}}}")).await.expect("told");
    {
        let heads = heads.lock().expect("unpoisoned");
        assert!(heads[0].starts_with("POST http://far.example/x HTTP/1.1"), "{heads:?}");
        assert!(heads[1].starts_with("CONNECT localhost:"), "{heads:?}");
        // user:pr0xypass
        assert!(heads.iter().all(|head| head.contains("dXNlcjpwcjB4eXBhc3M=")), "{heads:?}");
    }
    let (direct, seen) = server(200, &[], "").await;
    told(&format!("{{url: '{direct}', {config}, no_proxy: '127.0.0.0/8,other'}}}}")).await.expect("told");
    assert_eq!((seen.lock().expect("unpoisoned").len(), heads.lock().expect("unpoisoned").len()), (1, 2));

    let gone = fixture::nobody().replace("http://", "http://user:pr0xypass@");
    let yaml = format!("{{url: 'http://far.example/x', http_config: {{proxy_url: '{gone}'}}}}");
    let failure = told(&yaml).await.expect_err("no proxy");
    assert!(failure.retry == Retry::Later && !failure.message.contains("pr0xypass"), "{failure}");
}

#[tokio::test]
async fn the_other_side_is_who_it_should_be() {
    let certificates = Certificates::new();
    let ca = certificates.path("ca.pem");
    let (own, other) = (certificates.server("localhost", false).await, certificates.server("elsewhere", false).await);
    let tls = |text: &str| format!("http_config: {{tls_config: {{{text}}}}}");
    for (url, settings, fine) in [
        (&own, format!("ca_file: '{ca}'"), true),
        (&own, String::new(), false),
        (&other, format!("ca_file: '{ca}'"), false),
        (&other, format!("ca_file: '{ca}', server_name: elsewhere"), true),
        (&own, format!("ca_file: '{ca}', server_name: elsewhere"), false),
        (&other, "insecure_skip_verify: true".to_owned(), true),
    ] {
        let result = told(&format!("{{url: '{url}', {}}}", tls(&settings))).await;
        assert_eq!(result.is_ok(), fine, "{settings}: {result:?}");
        if let Err(failure) = result {
            assert!(failure.retry == Retry::Later && failure.message.contains("certificate"), "{failure}");
        }
    }
}

#[tokio::test]
async fn we_are_who_we_say() {
    let certificates = Certificates::new();
    let url = certificates.server("localhost", true).await;
    let ca = certificates.path("ca.pem");
    let with = |more: &str| format!("{{url: '{url}', http_config: {{tls_config: {{ca_file: '{ca}'{more}}}}}}}");
    let identity =
        format!(", cert_file: '{}', key_file: '{}'", certificates.path("client.pem"), certificates.path("client.key"));
    told(&with(&identity)).await.expect("known");
    assert!(told(&with("")).await.is_err(), "unknown");
    let problems = fixture::problems::<Webhook>(&with(", cert_file: x"));
    assert_eq!(problems, ["http_config.tls_config.cert_file: a certificate without key_file"]);
}

#[tokio::test]
async fn a_bearer_and_headers_are_sent_and_never_shown() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("header");
    std::fs::write(&file, "fr0mfile\n").expect("written");
    let (url, seen) = server(400, &[], "b34rer and fr0mfile").await;
    let headers = format!("{{X-Team: {{values: [memory]}}, X-Key: {{files: ['{}']}}}}", file.display());
    let yaml = format!("{{url: '{url}', http_config: {{bearer_token: b34rer, http_headers: {headers}}}}}");
    let failure = told(&yaml).await.expect_err("refused");
    assert_eq!(failure.message, "400 Bad Request: [redacted] and [redacted]");
    let seen = seen.lock().expect("unpoisoned");
    let header = |name: &str| seen[0].0[name].to_str().expect("text");
    assert_eq!((header("authorization"), header("x-team"), header("x-key")), ("Bearer b34rer", "memory", "fr0mfile"));
}

#[tokio::test]
async fn a_redirect_is_followed_on_demand_if_it_keeps_the_message() {
    let (target, seen) = server(200, &[], "").await;
    let target: &'static str = Box::leak(target.into_boxed_str());
    for (status, fine) in [(307, true), (308, true), (301, false), (303, false)] {
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", target)]));
        let (url, _) = server(status, headers, "").await;
        let result = told(&format!("{{url: '{url}', http_config: {{follow_redirects: true}}}}")).await;
        assert_eq!(result.is_ok(), fine, "{status}");
    }
    let bodies = fixture::bodies(&seen);
    assert!(bodies.len() == 2 && bodies.iter().all(|body| body["version"] == "4"));
}

#[tokio::test]
async fn a_server_that_answers_a_drop_at_a_time_is_cut_off() {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[allow(clippy::disallowed_methods)]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                for byte in b"HTTP/1.1 200 OK\r\n".iter().cycle() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let failure = told(&format!("{{url: 'http://{address}/', timeout: 200ms}}")).await.expect_err("cut off");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Timeout, Retry::Later));
}

#[test]
fn mistakes_are_told() {
    for (http, told) in [
        ("{basic_auth: {username: u, password: p}, bearer_token: x}", "exclude each other"),
        ("{proxy_url: 'socks5://x:1'}", "http_config.proxy_url: scheme \"socks5\" cannot be posted to"),
        ("{proxy_url: 'http://x', proxy_from_environment: true}", "exclude each other"),
        ("{no_proxy: x}", "no_proxy without proxy_url"),
        ("{http_headers: {Content-Type: {values: [x]}}}", "memsentry writes this header itself"),
        ("{http_headers: {'a b': {values: [x]}}}", "is not a header name"),
        ("{tls_config: {server_name: 'a b'}}", "is not a host name"),
    ] {
        let problems = fixture::problems::<Webhook>(&format!("{{url: 'http://a', http_config: {http}}}"));
        assert!(problems.len() == 1 && problems[0].contains(told), "{http}: {problems:?}");
    }
}
