//! The pages of silences: the preview tells what is then silenced, GET changes nothing, and every mistake is shown.

use super::alertmanager::{fire, ready};
use super::*;

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];
const FILTER: &str = "alertname%3D~%22A%7CB%22";

async fn silenced(served: &Served) -> usize {
    let alerts = served.get("/api/v2/alerts?active=false").await.json();
    alerts.as_array().map(Vec::len).expect("a list")
}

#[tokio::test]
async fn the_preview_counts_what_is_silenced_once_the_silence_is_made() {
    let served = ready().await;
    fire(&served, &["A", "B", "C"]).await;
    let page = served.get(&format!("/silences/new?filter={FILTER}&duration=2h")).await.body;
    assert!(page.contains("2 alerts that fire now") && !page.contains("<strong>C</strong>"), "{page}");
    assert_eq!(silenced(&served).await, 0, "looking changes nothing");

    let body = format!("filter={FILTER}&duration=2h&author=ann&comment=release+7&id=");
    let answer = served.send("POST", "/silences", &FORM, &body).await;
    assert_eq!(answer.code, 303, "{}", answer.body);
    assert_eq!(silenced(&served).await, 2);
    let place = answer.header("location").expect("a place").to_owned();
    let id = place.split_once('#').expect("an id").1;
    let list = served.get("/silences").await.body;
    for part in [id, "release 7", "by ann", "2 h more", "2 alerts that fire now", "alertname=~&quot;A|B&quot;"] {
        assert!(list.contains(part), "{part} in {list}");
    }

    // Longer, in place.
    let form = served.get(&format!("/silences/new?id={id}")).await.body;
    assert!(form.contains("alertname=~&quot;A|B&quot;") && form.contains("value=\"release 7\""), "{form}");
    let body = format!("filter={FILTER}&duration=8h&author=ann&comment=longer&id={id}");
    assert_eq!(served.send("POST", "/silences", &FORM, &body).await.header("location"), Some(place.as_str()));

    assert_eq!(served.send("POST", &format!("/silences/{id}/end"), &FORM, "").await.code, 303);
    assert_eq!(silenced(&served).await, 0);
    assert!(served.get("/silences").await.body.contains("Make again"));
}

#[tokio::test]
async fn a_get_changes_nothing_wherever_it_goes() {
    let served = ready().await;
    fire(&served, &["A"]).await;
    let body = "filter=alertname%3DA&duration=1h&author=ann&comment=x";
    let place = served.send("POST", "/silences", &FORM, body).await;
    let id = place.header("location").and_then(|place| place.split_once('#')).expect("an id").1.to_owned();
    let before = served.get("/api/v2/silences").await.json();
    for path in [
        format!("/silences?{body}"),
        format!("/silences/new?{body}&all=yes"),
        format!("/silences/new?id={id}&{body}"),
        format!("/silences/{id}/end"),
        format!("/api/v2/silences?{body}"),
    ] {
        served.get(&path).await;
        assert_eq!(served.get("/api/v2/silences").await.json(), before, "{path}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_silence_is_said_beside_what_was_typed() {
    let served = ready().await;
    for (body, parts) in [
        ("", vec!["there is no matcher", "your name is missing", "a reason is missing"]),
        ("filter=a&duration=soon&author=a&comment=b", vec!["one of =, !=", "not a valid duration"]),
        ("filter=a%3Db&duration=0&author=%20&comment=b", vec!["hold for some time", "your name is missing"]),
        ("filter=a%3D~%22(%22&author=a&comment=b", vec!["not a regular expression"]),
        ("filter=a%3D~%22.%2B%22&author=a&comment=b", vec!["this silences everything"]),
        ("filter=a%3D~%22.*%22&author=a&comment=b&all=yes", vec!["must not match the empty string"]),
        ("filter=a%3Db&author=a&comment=b&id=nobody", vec!["not found"]),
    ] {
        let answer = served.send("POST", "/silences", &FORM, body).await;
        assert_eq!(answer.code, 400, "{body}");
        for part in parts {
            assert!(answer.body.contains(part), "{body}: {part} in {}", answer.body);
        }
    }
    assert_eq!(served.get("/api/v2/silences").await.json(), serde_json::json!([]));
    let sure = "filter=a%3D~%22.%2B%22&author=a&comment=b&all=yes";
    assert_eq!(served.send("POST", "/silences", &FORM, sure).await.code, 303);
    let page = served.get("/silences/new?filter=%3Cscript%3E%3D%22%3Cb%3E%22").await;
    assert!(page.code == 200 && !page.body.contains("<script>") && !page.body.contains("<b>"), "{}", page.body);
    assert_eq!(served.get("/silences/new?id=nobody").await.code, 404);
}

#[tokio::test]
async fn an_alerts_row_leads_to_the_form_for_it() {
    let served = Served::start(Sample::default()).await;
    let page = served.get("/alerts").await.body;
    assert!(!page.contains("silenced until"), "{page}");
    let link = page
        .split("href=\"")
        .find_map(|rest| rest.split('"').next().filter(|l| l.starts_with("/silences/new?filter=")));
    let form = served.get(link.expect("a link")).await;
    assert!(form.code == 200 && form.body.contains("alertname=&quot;"), "{}", form.body);
}

#[tokio::test]
async fn an_alerts_row_says_until_when_it_is_silenced() {
    let served = ready().await;
    let body = "filter=alertname%3D~%22.%2B%22&duration=2h&author=ann&comment=x&all=yes";
    assert_eq!(served.send("POST", "/silences", &FORM, body).await.code, 303);
    for page in ["/", "/alerts"] {
        let page = served.get(page).await.body;
        assert!(page.contains("silenced until ") && page.contains("05:10:03 UTC"), "{page}");
    }
}
