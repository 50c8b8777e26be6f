//! Random expressions that are well typed, over the series of [`super::data`].
//!
//! Each production knows how closely two evaluators agree on what it makes ([`Grade`]). What jumps when its operand
//! changes in the last bit (comparison, rounding, `%`, counting) takes only operands that agree to the bit.

mod chains;
mod operators;
mod ranges;
mod scalars;
mod selectors;
mod vectors;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::data;
use super::tree::{Grade, Node, Part, Type};

/// One question for both.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) expr: Node,
    /// Milliseconds.
    pub(super) start: i64,
    /// End and step in milliseconds, for a range query.
    pub(super) range: Option<(i64, i64)>,
    /// What about the order of an instant vector can be relied on.
    pub(super) order: Order,
}

impl Question {
    /// A question that is given as text; at most rounding may make answers differ.
    pub(super) fn fixed(text: &str, start: i64, range: Option<(i64, i64)>) -> Self {
        Self { expr: Node::new(Type::Vector, Grade::Close, vec![text.into()]), start, range, order: Order::Free }
    }
}

/// What about the order of elements the language defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing.
    Free,
    /// Elements come in the order of their values.
    Sorted,
    /// Which of several equal elements are picked is free as well.
    Picked {
        /// Whether elements are picked from each group.
        grouped: bool,
    },
}

/// Makes expressions.
pub(super) struct Generator {
    random: StdRng,
    /// Subqueries around what is being made; they multiply the work.
    subqueries: u32,
}

impl Generator {
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        *of.choose(&mut self.random).expect("some")
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// A time at which a query may look without seeing the beginning of the data.
    fn time(&mut self) -> i64 {
        data::START + self.random.random_range(3 * 360_000..data::SPAN / 10) * 10
    }
}

impl Generator {
    pub(super) fn new(random: StdRng) -> Self {
        Self { random, subqueries: 0 }
    }

    /// One question.
    pub(super) fn question(&mut self) -> Question {
        let depth = self.pick(&[1, 2, 2, 3, 3, 3, 4, 4, 5]);
        let (expr, order) = self.root(depth);
        let start = self.time();
        let mut range = None;
        if order != Order::Sorted && expr.kind != Type::Text && self.chance(45) {
            let step = self.pick(&[10_000, 15_000, 60_000, 61_010, 300_000, 30]);
            let steps = self.pick(&[0, 1, 5, 20, 20, 40]);
            range = Some((start + step * steps + self.pick(&[0, step / 20 * 10]), step));
        }
        Question { expr, start, range, order }
    }

    fn root(&mut self, depth: u32) -> (Node, Order) {
        match self.random.random_range(0..100) {
            0..6 => {
                let child = self.vector(depth - 1, Grade::Exact);
                let sort = self.pick(&["sort(", "sort_desc("]);
                (Node::new(Type::Vector, child.grade, vec![sort.into(), child.into(), ")".into()]), Order::Sorted)
            }
            6..14 => {
                let child = self.vector(depth - 1, Grade::Exact);
                self.topk(child)
            }
            14..20 => (self.scalar(depth, Grade::Loose), Order::Free),
            20..24 => (self.range_vector(depth, Grade::Loose), Order::Free),
            24 => (Node::new(Type::Text, Grade::Exact, vec![r#""a \"text\" \u00e9\n""#.into()]), Order::Free),
            _ => (self.vector(depth, Grade::Loose), Order::Free),
        }
    }

    fn topk(&mut self, child: Node) -> (Node, Order) {
        let name = self.pick(&["topk", "bottomk"]);
        let grouping = if self.chance(50) { self.grouping() } else { String::new() };
        let order = Order::Picked { grouped: !grouping.is_empty() };
        let count = self.pick(&["1", "2", "3", "5", "0", "-1", "1.9", "100", "NaN", "Inf"]);
        let parts = vec![name.into(), Part::Optional(grouping), format!("({count}, ").into(), child.into(), ")".into()];
        (Node::new(Type::Vector, Grade::Exact, parts), order)
    }
}
