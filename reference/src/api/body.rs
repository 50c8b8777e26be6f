//! Reads a JSON body field by field and collects every way in which it breaks its schema.
//!
//! Fields that are not asked for are ignored, as the service does.

use serde_json::{Map, Value};

use super::error::{ApiError, SchemaProblem};

/// A body that is at least a JSON object.
pub struct Body {
    fields: Map<String, Value>,
    problems: Vec<SchemaProblem>,
}

impl Body {
    /// Parses `bytes`; an error if they are no JSON object.
    pub fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let whole = |kind, message: String| Err(ApiError::Schema(vec![SchemaProblem { field: None, kind, message }]));
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self { fields, problems: Vec::new() }),
            Ok(_) => whole("model_attributes_type", "Input should be a valid object".to_owned()),
            Err(error) => whole("json_invalid", format!("JSON decode error: {error}")),
        }
    }

    /// A field that must be a string.
    pub fn text(&mut self, field: &'static str) -> String {
        match self.fields.remove(field) {
            Some(Value::String(text)) => return text,
            Some(_) => self.problem(field, "string_type", "Input should be a valid string"),
            None => self.problem(field, "missing", "Field required"),
        }
        String::new()
    }

    /// A field that must be one of a few strings.
    pub fn one_of(&mut self, field: &'static str, allowed: &[&str]) {
        let before = self.problems.len();
        let given = self.text(field);
        if self.problems.len() == before && !allowed.contains(&given.as_str()) {
            let message = format!("Input should be one of: {}", allowed.join(", "));
            self.problem(field, "enum", &message);
        }
    }

    /// A field that must be an object which the database can store.
    pub fn object(&mut self, field: &'static str) -> Value {
        match self.fields.remove(field) {
            Some(object @ Value::Object(_)) if !has_nul(&object) => return object,
            Some(Value::Object(_)) => self.problem(field, "value_error", "Input should not hold the NUL character"),
            Some(_) => self.problem(field, "dict_type", "Input should be a valid dictionary"),
            None => self.problem(field, "missing", "Field required"),
        }
        Value::Null
    }

    /// To be asked after the last field: an error with all problems, if there are any.
    pub fn done(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::Schema(self.problems)) }
    }

    fn problem(&mut self, field: &'static str, kind: &'static str, message: &str) {
        self.problems.push(SchemaProblem { field: Some(field), kind, message: message.to_owned() });
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_at_once() {
        let mut body = Body::read(br#"{"a": 1, "c": "x", "d": {"k": ["\u0000"]}}"#).unwrap();
        let (_, _) = (body.text("a"), body.text("b"));
        body.one_of("c", &["y"]);
        let (_, _) = (body.object("d"), body.object("e"));
        let Err(ApiError::Schema(problems)) = body.done() else { panic!("no problems") };
        let kinds: Vec<_> = problems.iter().map(|problem| (problem.field.unwrap(), problem.kind)).collect();
        let expected = [("a", "string_type"), ("b", "missing"), ("c", "enum"), ("d", "value_error"), ("e", "missing")];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn what_is_no_json_object_is_refused_as_a_whole() {
        for bad in ["", "[]", "null", "{", "\"text\"", "\u{1}"] {
            assert!(
                matches!(Body::read(bad.as_bytes()), Err(ApiError::Schema(problems)) if problems.len() == 1),
                "{bad}"
            );
        }
    }
}
