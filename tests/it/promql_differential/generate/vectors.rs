//! Instant vectors: functions on each value, aggregations, functions on labels and on time.

use rand::Rng;

use super::super::tree::{Grade, Node, Part, Type};
use super::Generator;

/// Weight, the closest agreement it can give, what makes it.
type Production = (u32, Grade, fn(&mut Generator, u32, Grade) -> Node);

const PRODUCTIONS: &[Production] = &[
    (12, Grade::Summable, Generator::over_time),
    (6, Grade::Close, Generator::rate),
    (12, Grade::Summable, Generator::aggregate),
    (12, Grade::Summable, Generator::between_vectors),
    (5, Grade::Exact, Generator::chain),
    (8, Grade::Summable, Generator::with_scalar),
    (6, Grade::Summable, Generator::set),
    (8, Grade::Summable, Generator::map),
    (3, Grade::Summable, Generator::clamp),
    (3, Grade::Summable, Generator::rounded),
    (3, Grade::Summable, Generator::date),
    (2, Grade::Exact, Generator::timestamp),
    (4, Grade::Loose, Generator::histogram_quantile),
    (3, Grade::Summable, Generator::label_replace),
    (2, Grade::Summable, Generator::label_join),
    (2, Grade::Summable, Generator::absent),
    (2, Grade::Summable, Generator::vector_of_scalar),
    (2, Grade::Summable, Generator::signed),
    (2, Grade::Summable, Generator::count_values),
];

/// Functions of one value: what they need and what they give, both at least.
const MAPS: [(&str, Grade, Grade); 27] = [
    ("abs", Grade::Loose, Grade::Summable),
    ("ceil", Grade::Exact, Grade::Summable),
    ("floor", Grade::Exact, Grade::Summable),
    ("sgn", Grade::Exact, Grade::Summable),
    ("sqrt", Grade::Close, Grade::Exact),
    ("exp", Grade::Exact, Grade::Close),
    ("ln", Grade::Exact, Grade::Loose),
    ("log2", Grade::Exact, Grade::Loose),
    ("log10", Grade::Exact, Grade::Loose),
    ("deg", Grade::Close, Grade::Close),
    ("rad", Grade::Close, Grade::Close),
    ("sin", Grade::Exact, Grade::Loose),
    ("cos", Grade::Exact, Grade::Loose),
    ("tan", Grade::Exact, Grade::Loose),
    ("asin", Grade::Exact, Grade::Loose),
    ("acos", Grade::Exact, Grade::Loose),
    ("atan", Grade::Exact, Grade::Close),
    ("sinh", Grade::Exact, Grade::Close),
    ("cosh", Grade::Exact, Grade::Close),
    ("tanh", Grade::Exact, Grade::Close),
    ("asinh", Grade::Exact, Grade::Loose),
    ("acosh", Grade::Exact, Grade::Loose),
    ("atanh", Grade::Exact, Grade::Loose),
    ("histogram_count", Grade::Loose, Grade::Summable),
    ("histogram_sum", Grade::Loose, Grade::Summable),
    ("round", Grade::Exact, Grade::Summable),
    ("absent", Grade::Loose, Grade::Summable),
];

const DATES: [&str; 8] =
    ["minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"];

fn wrap(name: &str, child: Node, grade: Grade) -> Node {
    Node::new(Type::Vector, grade, vec![format!("{name}(").into(), child.into(), ")".into()])
}

impl Generator {
    /// An instant vector that agrees as closely as `limit`.
    pub(super) fn vector(&mut self, depth: u32, limit: Grade) -> Node {
        if depth <= 1 {
            return match self.pick(&[0, 0, 0, 1, 2]) {
                1 if limit >= Grade::Close => self.rate(0, limit),
                2 => self.over_time(0, limit),
                _ => self.selector(),
            };
        }
        let fitting: Vec<&Production> = PRODUCTIONS.iter().filter(|(_, gives, _)| *gives <= limit).collect();
        let total = fitting.iter().map(|(weight, ..)| weight).sum::<u32>();
        for _ in 0..4 {
            let mut left = self.random.random_range(0..total);
            let chosen = fitting.iter().find(|(weight, ..)| {
                let found = left < *weight;
                left = left.saturating_sub(*weight);
                found
            });
            let Some((_, _, make)) = chosen else { continue };
            let node = make(self, depth, limit);
            if node.grade <= limit {
                return node;
            }
        }
        self.selector()
    }

    fn aggregate(&mut self, depth: u32, limit: Grade) -> Node {
        let name = self.pick(&["sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile"]);
        let needs = match name {
            "count" | "group" => Grade::Loose,
            "stddev" | "stdvar" | "quantile" => Grade::Exact,
            "sum" if limit < Grade::Loose => Grade::Summable,
            _ => limit,
        };
        let mut child = self.vector(depth - 1, needs);
        if name.starts_with("std") {
            // 2.42 takes a first value that is not finite for a number, see `exclusions`.
            let parts = vec!["(clamp(".into(), child.into(), ", -1e15, 1e15) >= -1e15)".into()];
            child = Node::new(Type::Vector, Grade::Exact, parts);
        }
        let grade = match name {
            "count" | "group" => Grade::Summable,
            "min" | "max" => child.grade,
            "sum" if child.grade == Grade::Summable => Grade::Summable,
            _ => Grade::Loose,
        };
        let (before, after) = match self.grouping() {
            grouping if self.chance(50) => (grouping, String::new()),
            grouping => (String::new(), grouping),
        };
        let mut parts: Vec<Part> = vec![name.into(), Part::Optional(before), "(".into()];
        if name == "quantile" {
            let share = self.quantile_scalar();
            // 2.42 moves `@` in a parameter along with the steps, see `exclusions`.
            let share = if share.to_string().contains('@') { Node::scalar(Grade::Exact, "0.7") } else { share };
            parts.extend([share.into(), ", ".into()]);
        }
        parts.extend([child.into(), ")".into(), Part::Optional(after)]);
        Node::new(Type::Vector, grade, parts)
    }

    fn count_values(&mut self, depth: u32, _limit: Grade) -> Node {
        let child = self.vector(depth - 1, Grade::Exact);
        // 2.42 needs the new label to be the last in the alphabet, see `exclusions`.
        let (label, grouping) =
            if self.chance(30) { (self.pick(&["job", "instance"]), String::new()) } else { ("zone", self.grouping()) };
        let grouping = Part::Optional(grouping);
        let parts = vec!["count_values".into(), grouping, format!("(\"{label}\", ").into(), child.into(), ")".into()];
        Node::new(Type::Vector, Grade::Summable, parts)
    }

    fn map(&mut self, depth: u32, limit: Grade) -> Node {
        let fitting: Vec<_> = MAPS.into_iter().filter(|(_, _, gives)| *gives <= limit).collect();
        let (name, needs, gives) = self.pick(&fitting);
        let child = self.vector(depth - 1, if name == "abs" { limit } else { needs });
        let grade = match name {
            "sgn" | "absent" | "histogram_count" | "histogram_sum" => gives,
            _ => gives.max(child.grade),
        };
        wrap(name, child, grade)
    }

    fn clamp(&mut self, depth: u32, limit: Grade) -> Node {
        let child = self.vector(depth - 1, limit);
        let bound = self.scalar(depth - 1, limit.min(Grade::Exact));
        let mut grade = child.grade.max(bound.grade);
        let mut parts: Vec<Part> = Vec::new();
        if self.chance(40) {
            let upper = self.scalar(depth - 1, limit.min(Grade::Exact));
            grade = grade.max(upper.grade);
            parts.extend(["clamp(".into(), child.into(), ", ".into(), bound.into(), ", ".into(), upper.into()]);
        } else {
            let name = self.pick(&["clamp_min(", "clamp_max("]);
            parts.extend([name.into(), child.into(), ", ".into(), bound.into()]);
        }
        parts.push(")".into());
        Node::new(Type::Vector, grade, parts)
    }

    fn rounded(&mut self, depth: u32, limit: Grade) -> Node {
        let child = self.vector(depth - 1, limit.min(Grade::Exact));
        let (to, gives) = self.pick(&[
            ("0.5", Grade::Summable),
            ("2", Grade::Summable),
            ("10", Grade::Exact),
            ("0.1", Grade::Exact),
            ("0", Grade::Exact),
            ("-1", Grade::Summable),
            ("NaN", Grade::Summable),
        ]);
        let grade = child.grade.max(gives);
        Node::new(Type::Vector, grade, vec!["round(".into(), child.into(), format!(", {to})").into()])
    }

    fn date(&mut self, depth: u32, _limit: Grade) -> Node {
        let name = self.pick(&DATES);
        if self.chance(30) {
            return Node::new(Type::Vector, Grade::Summable, vec![format!("{name}()").into()]);
        }
        let timed = self.chance(30);
        let child = if timed { self.timestamp(depth, Grade::Exact) } else { self.vector(depth - 1, Grade::Exact) };
        let scale = if timed { "(" } else { self.pick(&["1e6 * (", "1e8 + 1e5 * ("]) };
        // Beyond some millennia the conversion to a date is not defined in Go.
        let parts = vec![format!("{name}(clamp({scale}").into(), child.into(), "), -1e10, 1e10) >= -1e10)".into()];
        Node::new(Type::Vector, Grade::Summable, parts)
    }

    fn timestamp(&mut self, depth: u32, _limit: Grade) -> Node {
        if self.chance(40) {
            let child = self.vector(depth - 1, Grade::Loose);
            let name = self.pick(&["timestamp(abs", "timestamp(-", "timestamp(max by (job) "]);
            return Node::new(Type::Vector, Grade::Exact, vec![name.into(), "(".into(), child.into(), "))".into()]);
        }
        // Not `@` with `offset`: 2.42 has a mistake there, see `exclusions`.
        let shift = self.pick(&["", "", " offset 2m", " @ start()", " @ 1700015000", " @ end()", " offset -30s"]);
        let selector = vec![self.selection(false).into(), Part::Optional(shift.to_owned())];
        wrap("timestamp", Node::new(Type::Vector, Grade::Summable, selector), Grade::Exact)
    }

    fn histogram_quantile(&mut self, depth: u32, _limit: Grade) -> Node {
        let buckets = self.buckets();
        let (child, odd) = match self.random.random_range(0..10) {
            0..3 => (buckets, false),
            3..5 => {
                let by = self.pick(&["sum by (le) (", "sum by (le, job) (", "max without (instance) ("]);
                (Node::new(Type::Vector, Grade::Summable, vec![by.into(), buckets.into(), " >= -Inf)".into()]), false)
            }
            5..8 => {
                let range = self.pick(&["5m", "10m", "1h"]);
                let inner = format!("rate(latency_seconds_bucket[{range}])");
                let by = self.pick(&["sum by (le) (", "sum by (le, job) (", "("]);
                let parts = vec![Part::from(by), inner.into(), ")".into()];
                (Node::new(Type::Vector, Grade::Close, parts), true)
            }
            _ => {
                let child = self.vector(depth - 1, Grade::Exact);
                let parts = vec!["(".into(), child.into(), " >= -Inf)".into()];
                (Node::new(Type::Vector, Grade::Exact, parts), false)
            }
        };
        // Rates differ in the last bit, so the rank must not fall on a bucket's edge.
        let share = if odd {
            Node::scalar(Grade::Exact, self.pick(&["0.91374653", "0.50378123", "0.12345671"]))
        } else {
            self.quantile_scalar()
        };
        let parts = vec!["histogram_quantile(".into(), share.into(), ", ".into(), child.into(), ")".into()];
        Node::new(Type::Vector, Grade::Loose, parts)
    }

    fn label_replace(&mut self, depth: u32, limit: Grade) -> Node {
        let child = self.vector(depth - 1, limit);
        let grade = child.grade;
        let rest = self.pick(&[
            r#", "copy", "$1", "job", "(.*)")"#,
            r#", "job", "x-$1-${2}", "instance", "(a|b)(.*)")"#,
            r#", "instance", "", "instance", "a")"#,
            r#", "job", "$1", "missing", "(.*)")"#,
            r#", "__name__", "renamed_$1", "job", "(.+)")"#,
            r#", "first", "${letter}", "job", "(?P<letter>.).*")"#,
            r#", "job", "same", "", "")"#,
            r#", "job", "$1", "instance", "(")"#,
        ]);
        Node::new(Type::Vector, grade, vec!["label_replace(".into(), child.into(), rest.into()])
    }

    fn label_join(&mut self, depth: u32, limit: Grade) -> Node {
        let child = self.vector(depth - 1, limit);
        let grade = child.grade;
        let rest = self.pick(&[
            r#", "joined", "-", "job", "instance")"#,
            r#", "job", "", "job", "missing")"#,
            r#", "instance", "/")"#,
            r#", "copy", "x", "__name__")"#,
        ]);
        Node::new(Type::Vector, grade, vec!["label_join(".into(), child.into(), rest.into()])
    }

    fn absent(&mut self, depth: u32, _limit: Grade) -> Node {
        let child = if self.chance(60) { self.selector() } else { self.vector(depth - 1, Grade::Loose) };
        wrap("absent", child, Grade::Summable)
    }

    fn vector_of_scalar(&mut self, depth: u32, limit: Grade) -> Node {
        let child = self.scalar(depth - 1, limit);
        let grade = child.grade;
        wrap("vector", child, grade)
    }

    fn signed(&mut self, depth: u32, limit: Grade) -> Node {
        let child = self.vector(depth - 1, limit);
        let grade = child.grade;
        wrap(self.pick(&["-", "+", ""]), child, grade)
    }
}
