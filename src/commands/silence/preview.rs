//! What a silence silences now: the alerts that fire and match all its matchers, whatever else keeps them from being told.

use serde_json::Value;

use crate::commands::output;
use crate::commands::remote::{Failure, Remote};
use crate::model::{Condition, Labels, MatchOp, Matcher, parse_conditions};

/// Most alerts that are listed; the rest is counted.
const MOST_LISTED: usize = 20;

/// Matchers from the command line. The first may be an alert's name alone, as with amtool.
pub(super) fn matchers(texts: &[String]) -> Result<Vec<Matcher>, Vec<String>> {
    let (mut read, mut mistakes) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        let name_alone = index == 0 && !text.contains(['=', '~', '{', '!']);
        let conditions = match name_alone {
            true => Ok(vec![Condition { name: "alertname".into(), op: MatchOp::Equal, value: text.clone() }]),
            false => parse_conditions(text).map_err(|error| error.to_string()),
        };
        match conditions.and_then(|all| all.iter().map(Condition::compiled).collect::<Result<Vec<_>, _>>()) {
            Ok(matchers) => read.extend(matchers),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(read) } else { Err(mistakes) }
}

/// The labels of the alerts that a silence with these matchers silences.
pub(super) async fn alerts(remote: &Remote, matchers: &[Matcher]) -> Result<Vec<Labels>, Failure> {
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    let query: Vec<(&str, &str)> = texts.iter().map(|text| ("filter", text.as_str())).collect();
    let answer = remote.get("/api/v2/alerts", &query).await?;
    let alerts = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(alerts.iter().filter_map(|alert| serde_json::from_value(alert["labels"].clone()).ok()).collect())
}

/// Says how many alerts, and which.
pub(super) fn show(alerts: &[Labels], verb: &str) {
    let count = alerts.len();
    output::talk(&match count {
        0 => format!("{verb} no alert that fires now"),
        1 => format!("{verb} 1 alert that fires now:"),
        _ => format!("{verb} {count} alerts that fire now:"),
    });
    for labels in alerts.iter().take(MOST_LISTED) {
        output::talk(&format!("  {}", line(labels)));
    }
    if count > MOST_LISTED {
        output::talk(&format!("  and {} more", count - MOST_LISTED));
    }
}

/// The name first, then the rest.
pub(super) fn line(labels: &Labels) -> String {
    let name = labels.get("alertname").unwrap_or("(no name)");
    let rest = labels.without(|label| label == "alertname");
    if rest.is_empty() { name.to_owned() } else { format!("{name} {rest}") }
}

/// The matchers of a silence as JSON has them.
pub(super) fn of_json(silence: &Value) -> Result<Vec<Matcher>, String> {
    let matcher = |m: &Value| {
        let text = |name: &str| m[name].as_str().unwrap_or_default().to_owned();
        let op = match (m["isEqual"].as_bool().unwrap_or(true), m["isRegex"].as_bool().unwrap_or(false)) {
            (true, false) => MatchOp::Equal,
            (true, true) => MatchOp::Regex,
            (false, false) => MatchOp::NotEqual,
            (false, true) => MatchOp::NotRegex,
        };
        Condition { name: text("name"), op, value: text("value") }.compiled()
    };
    silence["matchers"].as_array().map(Vec::as_slice).unwrap_or_default().iter().map(matcher).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<String, Vec<String>> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        matchers(&texts).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_first_word_may_be_an_alerts_name_and_every_mistake_is_told() {
        assert_eq!(read(&["QueueStalled", "target=a"]).as_deref(), Ok("alertname=\"QueueStalled\" target=\"a\""));
        assert_eq!(read(&["a=~b|c", "{d=e,f!=g}"]).as_deref(), Ok("a=~\"b|c\" d=\"e\" f!=\"g\""));
        let mistakes = read(&["a=~(", "b"]).expect_err("two mistakes");
        assert!(mistakes.len() == 2 && mistakes[1].contains("one of =, !=, =~, !~ is expected"), "{mistakes:?}");
    }
}
