//! A label's or annotation's text: parsed once, tried at load, expanded for every alert.

use crate::model::{Labels, Timestamp};
use crate::template::{Environment, Limits, Map, PROMETHEUS, Query, Template, TemplateError, Value};

/// A text with templates in it.
#[derive(Debug, Clone)]
pub(super) struct Text {
    raw: String,
    /// `None` where the text stands for itself.
    template: Option<Template>,
}

/// What all expansions of one evaluation share.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) external_labels: &'a Labels,
    pub(super) environment: Environment<'a>,
}

impl Text {
    /// Parses `raw` and runs it against sample alerts.
    pub(super) fn new(raw: &str) -> Result<Self, TemplateError> {
        if !raw.contains("{{") {
            return Ok(Self::literal(raw));
        }
        let template = Template::parse(raw, &PROMETHEUS)?;
        try_out(&template)?;
        Ok(Self { raw: raw.to_owned(), template: Some(template) })
    }

    /// A text in which braces are braces.
    pub(super) fn literal(raw: &str) -> Self {
        Self { raw: raw.to_owned(), template: None }
    }

    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    pub(super) fn is_plain(&self) -> bool {
        self.template.is_none()
    }

    /// The text for one alert. An error stands in the text, so that the alert still goes out.
    pub(super) fn expand(&self, data: &Value, world: &World<'_>, errors: &mut Vec<String>) -> String {
        let Some(template) = &self.template else { return self.raw.clone() };
        match template.render(data, &world.environment, &Limits::default()) {
            Ok(text) => text,
            Err(error) => {
                errors.push(error.to_string());
                format!("<error expanding template: {error}>")
            }
        }
    }
}

/// Which error is real and which comes of the sample cannot be told from one sample, so a text is
/// refused only if none of several fits it.
fn try_out(template: &Template) -> Result<(), TemplateError> {
    let mut first_error = None;
    for (label, value, series) in [("1", 1.0, 1), ("host.example:80", 0.0, 8), ("1", 1e9, 0)] {
        let any = |text: &str| Value::Map(std::sync::Arc::new(Map::answering(text)));
        let data = Value::fields([
            ("Labels", any(label)),
            ("ExternalLabels", any(label)),
            ("ExternalURL", Value::text("http://localhost")),
            ("Value", Value::Float(value)),
        ]);
        let names = ["target", "instance", "job", "probe", "status", "reason"];
        let labels: Labels = names.into_iter().map(|name| (name, label)).collect();
        let query = |_: &str| Ok(vec![(labels.clone(), value); series]);
        let environment =
            Environment { now: Timestamp::from_millis(0), external_url: "http://localhost", query: &query };
        match template.render(&data, &environment, &Limits::default()) {
            Ok(_) => return Ok(()),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// What the templates of one alert see.
pub(super) fn data(labels: &Labels, value: f64, world: &World<'_>) -> Value {
    Value::fields([
        ("Labels", Value::texts(labels.iter())),
        ("ExternalLabels", Value::texts(world.external_labels.iter())),
        ("ExternalURL", Value::text(world.environment.external_url)),
        ("Value", Value::Float(value)),
    ])
}

/// The world at `at`.
pub(super) fn world<'a>(
    external_labels: &'a Labels,
    external_url: &'a str,
    at: Timestamp,
    query: Query<'a>,
) -> World<'a> {
    World { external_labels, environment: Environment { now: at, external_url, query } }
}
