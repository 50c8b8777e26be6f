//! Defaults that one section of a document gives to the entries of lists in another, before anything is decoded.
//!
//! What is inherited keeps the place where it stands, so that a mistake in it is told there.

use super::document::Document;
use super::node::{Content, Key, Node};

/// One default: the entry of the section, the list in each heir, and the key of the list's entries that it stands for.
#[derive(Debug, Clone, Copy)]
pub struct Inherited {
    /// The key in the section.
    pub from: &'static str,
    /// The key of a list in each heir.
    pub list: &'static str,
    /// The key in the list's entries.
    pub to: &'static str,
    /// Another key there that says the same in other words; may be empty.
    pub or: &'static str,
}

/// How secrets are named, besides as themselves.
const FORMS: [&str; 4] = ["", "_file", "_env", "_credential"];

impl Document {
    /// Gives every entry of the lists of each of `heirs`, a list of mappings at the top of the document, what it does
    /// not set itself and `section`, a mapping at the top, does.
    pub fn inherit(&mut self, section: &str, heirs: &str, table: &[Inherited]) {
        let Content::Mapping(root) = &mut self.root.content else { return };
        let given = root.iter().find(|(key, _)| key.name == section).map(|(_, node)| node.content.clone());
        let Some(Content::Mapping(given)) = given else { return };
        let heirs = root.iter_mut().filter(|(key, _)| key.name == heirs);
        for heir in heirs.flat_map(|(_, node)| entries(node)) {
            let Content::Mapping(lists) = &mut heir.content else { continue };
            for inherited in table {
                let lists = lists.iter_mut().filter(|(key, _)| key.name == inherited.list);
                lists.flat_map(|(_, node)| entries(node)).for_each(|entry| give(entry, inherited, &given));
            }
        }
    }
}

fn entries(node: &mut Node) -> impl Iterator<Item = &mut Node> {
    match &mut node.content {
        Content::Sequence(nodes) => nodes.iter_mut(),
        _ => [].iter_mut(),
    }
}

fn give(entry: &mut Node, inherited: &Inherited, given: &[(Key, Node)]) {
    let Content::Mapping(fields) = &mut entry.content else { return };
    let is = |name: &str, key: &str| FORMS.iter().any(|form| name.strip_suffix(form) == Some(key));
    if fields.iter().any(|(key, _)| is(&key.name, inherited.to) || key.name == inherited.or) {
        return;
    }
    for form in FORMS {
        let from = format!("{}{form}", inherited.from);
        let found = given.iter().filter(|(key, _)| key.name == from);
        let renamed = |key: &Key| Key { name: format!("{}{form}", inherited.to), place: key.place };
        fields.extend(found.map(|(key, node)| (renamed(key), node.clone())));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Root {
        receivers: Vec<BTreeMap<String, Vec<BTreeMap<String, String>>>>,
    }

    #[test]
    fn an_entry_takes_what_it_does_not_set_and_a_mistake_is_told_where_it_stands() {
        let text = "global: {smtp_from: a, smtp_password_file: p, url: [x]}\n\
                    receivers: [{mail: [{to: b}, {from: c, password_env: E}], chat: [{to: d}]}]";
        let mut document = Document::parse("m.yaml", text).expect("YAML");
        let table = [("smtp_from", "mail", "from"), ("smtp_password", "mail", "password"), ("nothing", "mail", "x")];
        document.inherit("global", "receivers", &table.map(|(from, list, to)| Inherited { from, list, to, or: "tls" }));
        let root: Root = document.decode().expect("decodes");
        let mail = &root.receivers[0]["mail"];
        let told = |entry: &BTreeMap<String, String>| format!("{entry:?}");
        assert_eq!(told(&mail[0]), r#"{"from": "a", "password_file": "p", "to": "b"}"#);
        assert_eq!(told(&mail[1]), r#"{"from": "c", "password_env": "E"}"#);
        assert_eq!(told(&root.receivers[0]["chat"][0]), r#"{"to": "d"}"#);
        document.inherit("global", "receivers", &[Inherited { from: "url", list: "chat", to: "url", or: "" }]);
        let problems = document.decode::<Root>().map(|_| ()).expect_err("a list is no text");
        assert_eq!(problems[0].place.map(|place| (place.line, place.column)), Some((1, 52)), "{problems:?}");
    }
}
