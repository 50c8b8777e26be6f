//! Range vectors, subqueries, and the functions over them.

use super::super::tree::{Grade, Node, Part, Type};
use super::Generator;

const RANGES: [&str; 8] = ["1m", "2m", "5m", "5m", "10m", "30m", "1h", "90s"];
/// Subqueries look back three milliseconds more, so that no step of theirs lies on the edge of the window.
const SUBQUERY_RANGES: [&str; 6] = ["1m3ms", "5m3ms", "10m3ms", "17m3ms", "30m3ms", "1h3ms"];
const SUBQUERY_STEPS: [&str; 7] = ["15s", "30s", "1m", "", "47s", "5m", "2m10ms"];
const SHORT_RANGES: [&str; 3] = ["1m3ms", "5m3ms", "6m3ms"];
const LONG_STEPS: [&str; 4] = ["1m", "", "2m", "100s"];

/// What a function over a range needs, and what it gives in return.
#[derive(Clone, Copy)]
struct Over {
    name: &'static str,
    /// Of samples this good…
    needs: Grade,
    gives: Gives,
}

#[derive(Clone, Copy)]
enum Gives {
    /// As good as the samples.
    Same,
    /// A sum: as good as the samples if they can be summed.
    Sum,
    /// This.
    Always(Grade),
}

const fn over(name: &'static str, needs: Grade, gives: Gives) -> Over {
    Over { name, needs, gives }
}

const FUNCTIONS: [Over; 19] = [
    over("avg_over_time", Grade::Loose, Gives::Always(Grade::Loose)),
    over("min_over_time", Grade::Loose, Gives::Same),
    over("max_over_time", Grade::Loose, Gives::Same),
    over("sum_over_time", Grade::Loose, Gives::Sum),
    over("count_over_time", Grade::Loose, Gives::Always(Grade::Summable)),
    over("stddev_over_time", Grade::Exact, Gives::Always(Grade::Loose)),
    over("stdvar_over_time", Grade::Exact, Gives::Always(Grade::Loose)),
    over("last_over_time", Grade::Loose, Gives::Same),
    over("present_over_time", Grade::Loose, Gives::Always(Grade::Summable)),
    over("absent_over_time", Grade::Loose, Gives::Always(Grade::Summable)),
    over("changes", Grade::Exact, Gives::Always(Grade::Summable)),
    over("resets", Grade::Exact, Gives::Always(Grade::Summable)),
    over("delta", Grade::Exact, Gives::Always(Grade::Loose)),
    over("idelta", Grade::Exact, Gives::Same),
    over("irate", Grade::Exact, Gives::Always(Grade::Close)),
    over("deriv", Grade::Exact, Gives::Always(Grade::Loose)),
    over("quantile_over_time", Grade::Exact, Gives::Always(Grade::Loose)),
    over("predict_linear", Grade::Exact, Gives::Always(Grade::Loose)),
    over("holt_winters", Grade::Exact, Gives::Always(Grade::Loose)),
];

impl Generator {
    /// A range selector or a subquery.
    pub(super) fn range_vector(&mut self, depth: u32, limit: Grade) -> Node {
        if depth > 1 && self.subqueries < 2 && self.chance(35) {
            self.subqueries += 1;
            let child = self.vector(depth - 1, limit);
            self.subqueries -= 1;
            return self.subquery(child);
        }
        let text = self.selection(false);
        self.range_of(text)
    }

    fn range_of(&mut self, selection: String) -> Node {
        let range = self.pick(&RANGES);
        let parts = vec![selection.into(), format!("[{range}]").into(), Part::Optional(self.shift())];
        Node::new(Type::Matrix, Grade::Summable, parts)
    }

    fn subquery(&mut self, child: Node) -> Node {
        // Subqueries in one another multiply, so the inner ones are short.
        let (ranges, steps) = if self.subqueries > 0 {
            (&SHORT_RANGES[..], &LONG_STEPS[..])
        } else {
            (&SUBQUERY_RANGES[..], &SUBQUERY_STEPS[..])
        };
        let (mut range, step) = (self.pick(ranges), self.pick(steps));
        // 2.42 evaluates what `@` makes constant also where there is no step, see `exclusions`.
        if range == "1m3ms" && child.to_string().contains(" @ ") {
            range = "6m3ms";
        }
        let window = format!(")[{range}:{step}]");
        let grade = child.grade;
        Node::new(Type::Matrix, grade, vec!["(".into(), child.into(), window.into(), Part::Optional(self.shift())])
    }

    /// `rate` or `increase` of what behaves like a counter.
    pub(super) fn rate(&mut self, _depth: u32, _limit: Grade) -> Node {
        let selection = self.selection(true);
        let function = self.pick(&["rate(", "rate(", "increase("]);
        let range = if self.subqueries < 2 && self.chance(15) {
            let shifted = vec![selection.into(), Part::Optional(self.shift())];
            self.subquery(Node::new(Type::Vector, Grade::Summable, shifted))
        } else {
            self.range_of(selection)
        };
        Node::new(Type::Vector, Grade::Close, vec![function.into(), range.into(), ")".into()])
    }

    /// A function over a range.
    pub(super) fn over_time(&mut self, depth: u32, limit: Grade) -> Node {
        let fits = |function: &Over| match function.gives {
            Gives::Always(grade) => grade <= limit,
            Gives::Same | Gives::Sum => true,
        };
        let fitting: Vec<Over> = FUNCTIONS.into_iter().filter(fits).collect();
        let function = self.pick(&fitting);
        let needs = match function.gives {
            Gives::Same => function.needs.min(limit),
            Gives::Sum if limit < Grade::Loose => Grade::Summable,
            _ => function.needs,
        };
        let range = self.range_vector(depth, needs);
        let grade = match function.gives {
            Gives::Same => range.grade,
            Gives::Sum if range.grade == Grade::Summable => Grade::Summable,
            Gives::Sum => Grade::Loose,
            Gives::Always(grade) => grade,
        };
        let mut parts: Vec<Part> = vec![function.name.into(), "(".into()];
        match function.name {
            "quantile_over_time" => {
                let share = self.quantile_scalar();
                // As with `predict_linear` below: the share may depend on time.
                let range = if share.all().len() > 1 || share.to_string() == "time()" { range.bare() } else { range };
                parts.extend([share.into(), ", ".into(), range.into()]);
            }
            "predict_linear" => {
                let ahead = self.pick(&["60", "-30", "3600", "0", "0.5"]);
                // 2.42 loses samples of a range with `@`, see `exclusions`.
                parts.extend([range.bare().into(), format!(", {ahead}").into()]);
            }
            "holt_winters" => {
                let factors = self.pick(&["0.3, 0.5", "0.5, 0.1", "0.9, 0.9", "0.1, 0.25", "0.3, 1", "0, 0.5"]);
                parts.extend([range.into(), format!(", {factors}").into()]);
            }
            _ => parts.push(range.into()),
        }
        parts.push(")".into());
        Node::new(Type::Vector, grade, parts)
    }
}
