//! Binary operators between vectors and scalars, with modifiers that mostly find matches.

use super::super::tree::{Grade, Node, Part, Type};
use super::Generator;

pub(super) const COMPARISONS: [&str; 6] = ["==", "!=", ">", "<", ">=", "<="];
const LABELS: [&str; 6] = ["job", "instance", "code", "kind", "le", "version"];

impl Generator {
    /// An arithmetic operator, its operands, and how closely its results agree.
    pub(super) fn operands(
        &mut self,
        depth: u32,
        limit: Grade,
        mut operand: impl FnMut(&mut Self, u32, Grade) -> Node,
    ) -> (&'static str, Node, Node, Grade) {
        let op = self.pick(&["+", "+", "-", "-", "*", "*", "/", "/", "%", "^", "atan2"]);
        let needs = match op {
            "+" | "-" if limit == Grade::Loose => Grade::Loose,
            "+" | "-" => limit.min(Grade::Exact),
            "*" | "/" => limit.min(Grade::Close),
            _ => limit.min(Grade::Exact),
        };
        let (left, right) = (operand(self, depth - 1, needs), operand(self, depth - 1, needs));
        let grade = result_grade(op, left.grade.max(right.grade));
        (op, left, right, grade)
    }

    /// A vector and a scalar, in either order.
    pub(super) fn with_scalar(&mut self, depth: u32, limit: Grade) -> Node {
        if self.chance(40) {
            return self.compared_with_scalar(depth, limit);
        }
        let mut is_left = true;
        let swapped = self.chance(30);
        let (op, left, right, grade) = self.operands(depth, limit, |make, depth, limit| {
            is_left = !is_left;
            if is_left == swapped { make.vector(depth, limit) } else { make.scalar(depth, limit) }
        });
        let (open, close) = around(op);
        let parts = vec![open.into(), left.into(), format!(" {op} ").into(), right.into(), close.into()];
        Node::new(Type::Vector, grade, parts)
    }

    fn compared_with_scalar(&mut self, depth: u32, limit: Grade) -> Node {
        let (vector, scalar) = (self.vector(depth - 1, limit.min(Grade::Exact)), self.scalar(depth - 1, Grade::Exact));
        let op = self.pick(&COMPARISONS);
        let bool = if self.chance(30) { " bool" } else { "" };
        let grade = if bool.is_empty() { vector.grade } else { Grade::Summable };
        let (left, right) = if self.chance(30) { (scalar, vector) } else { (vector, scalar) };
        // With a filter the vector's value stays, whichever side it stands on.
        let bool = Part::Optional(bool.to_owned());
        Node::new(
            Type::Vector,
            grade.max(Grade::Summable),
            vec!["(".into(), left.into(), format!(" {op}").into(), bool, " ".into(), right.into(), ")".into()],
        )
    }

    /// Two vectors.
    pub(super) fn between_vectors(&mut self, depth: u32, limit: Grade) -> Node {
        let is_comparison = self.chance(30);
        let (op, left, right, grade) = if is_comparison {
            let op = self.pick(&COMPARISONS);
            let left = self.vector(depth - 1, limit.min(Grade::Exact));
            let right = self.vector(depth - 1, Grade::Exact);
            let grade = left.grade.max(right.grade);
            (op, left, right, grade)
        } else {
            self.operands(depth, limit, |make, depth, limit| make.vector(depth, limit))
        };
        let bool = if is_comparison && self.chance(30) { " bool" } else { "" };
        let (right, modifier) = self.partner(&left, right);
        let grade = if is_comparison { grade } else { result_grade(op, left.grade.max(right.grade)).max(grade) };
        let (open, close) = around(op);
        Node::new(
            Type::Vector,
            grade,
            vec![
                open.into(),
                left.into(),
                format!(" {op}").into(),
                Part::Optional(bool.to_owned()),
                Part::Optional(modifier),
                " ".into(),
                right.into(),
                close.into(),
            ],
        )
    }

    /// What may stand on the right, and how the sides match.
    fn partner(&mut self, left: &Node, random: Node) -> (Node, String) {
        match self.random_case() {
            0 => {
                // Many to one: each element against its group.
                let grouping = self.pick(&["job", "instance", "job, instance", "kind", "code, job", ""]);
                let name = self.pick(&["max", "min"]);
                let parts = vec![format!("{name} by ({grouping}) (").into(), left.clone().into(), ")".into()];
                let group = self.pick(&["", "()", "(version)", "(kind)"]);
                let grouped = Node::new(Type::Vector, left.grade, parts);
                (grouped, format!(" on ({grouping}) group_left{group}"))
            }
            1 => (left.clone(), String::new()),
            2 => {
                let info = Node::new(Type::Vector, Grade::Summable, vec!["build".into()]);
                (info, " on (job, instance) group_left (version)".to_owned())
            }
            _ => (random, self.matching(true)),
        }
    }

    fn random_case(&mut self) -> u32 {
        self.pick(&[0, 1, 2, 3, 3, 3])
    }

    /// `and`, `or`, `unless`.
    pub(super) fn set(&mut self, depth: u32, limit: Grade) -> Node {
        let left = self.vector(depth - 1, limit);
        let op = self.pick(&["and", "or", "unless", "AND", "Or"]);
        let right = if self.chance(30) { left.clone() } else { self.vector(depth - 1, limit) };
        let modifier = self.matching(false);
        let grade = if op.eq_ignore_ascii_case("or") { left.grade.max(right.grade) } else { left.grade };
        Node::new(
            Type::Vector,
            grade,
            vec![
                "(".into(),
                left.into(),
                format!(" {op}").into(),
                Part::Optional(modifier),
                " ".into(),
                right.into(),
                ")".into(),
            ],
        )
    }

    fn some_labels(&mut self) -> String {
        let count = self.pick(&[0, 1, 1, 2, 2, 3]);
        (0..count).map(|_| self.pick(&LABELS)).collect::<Vec<_>>().join(", ")
    }

    /// `on` or `ignoring`, with `group_left` or `group_right` where they may be.
    fn matching(&mut self, group: bool) -> String {
        let (on, labels) = (self.pick(&["", "on", "on", "ignoring"]), self.some_labels());
        if on.is_empty() {
            return String::new();
        }
        let mut out = format!(" {on} ({labels})");
        if group && self.chance(35) {
            let included = if self.chance(60) { format!("({})", self.some_labels()) } else { String::new() };
            out.push_str(&format!(" {}{included}", self.pick(&["group_left", "group_right"])));
        }
        out
    }

    /// `by` or `without` of an aggregation.
    pub(super) fn grouping(&mut self) -> String {
        match self.pick(&["", "by", "by", "without"]) {
            "" => String::new(),
            word => format!(" {word} ({}) ", self.some_labels()),
        }
    }
}

/// 2.42 keeps the metric name in `atan2`, so it is taken away in both; see `exclusions`.
fn around(op: &str) -> (&'static str, &'static str) {
    if op == "atan2" { ("label_replace((", r#"), "__name__", "", "", "")"#) } else { ("(", ")") }
}

fn result_grade(op: &str, operands: Grade) -> Grade {
    match op {
        "+" | "-" if operands > Grade::Exact => Grade::Loose,
        "+" | "-" => operands,
        "*" | "/" => operands.max(Grade::Exact),
        "%" => Grade::Exact,
        _ => Grade::Close,
    }
}
