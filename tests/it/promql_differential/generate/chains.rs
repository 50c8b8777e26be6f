//! Operators in a row without parentheses, so that precedence and associativity decide, with white space and comments.

use super::super::tree::{Grade, Node, Part, Type};
use super::Generator;

impl Generator {
    /// Three to five operands. Whatever the parser makes of them, everything agrees to the bit.
    pub(super) fn chain(&mut self, depth: u32, _limit: Grade) -> Node {
        let only_vectors = self.chance(50);
        let shared = self.selection(false);
        let mut parts: Vec<Part> = vec!["(".into()];
        for i in 0..self.pick(&[3, 3, 4, 5]) {
            if i > 0 {
                parts.push(self.operator(only_vectors).into());
            }
            let sign = self.pick(&["", "", "", "-", "+", "- "]);
            parts.push(Part::Optional(sign.to_owned()));
            if !only_vectors && i > 0 && self.chance(60) {
                let text = self.pick(&["2", "0.5", "time()", "3", "-1", "NaN", "Inf", "8"]);
                let grade = if text == "time()" { Grade::Exact } else { Grade::Summable };
                parts.push(Node::scalar(grade, text).into());
            } else if depth > 2 && self.chance(20) {
                parts.push(self.vector(depth - 2, Grade::Exact).into());
            } else if self.chance(75) {
                parts.push(Node::new(Type::Vector, Grade::Summable, vec![shared.clone().into()]).into());
            } else {
                parts.push(self.selector().into());
            }
            // The square of a number with few digits is exact; others may differ in their last bit.
            if self.chance(8) && parts.last().is_some_and(is_summable) {
                parts.push(Part::Optional(" ^ 2".to_owned()));
            }
        }
        parts.push(")".into());
        Node::new(Type::Vector, Grade::Exact, parts)
    }

    fn operator(&mut self, only_vectors: bool) -> String {
        let op = match self.pick(&[0, 0, 0, 1, 2]) {
            1 if only_vectors => self.pick(&["==", "!= ", ">", "<=", "<", ">= bool", "> bool"]),
            1 => self.pick(&["== bool", "!= bool", ">= bool", "< bool"]),
            2 if only_vectors => self.pick(&["and", "or", "unless", "and on (job)", "unless ignoring (code)", "OR"]),
            _ => self.pick(&["+", "-", "*", "/", "%"]),
        };
        let space = self.pick(&[" ", " ", " ", "\n", "  # a > remark )\n", "\t"]);
        format!("{space}{op}{}", self.pick(&[" ", " ", "\n "]))
    }
}

fn is_summable(part: &Part) -> bool {
    matches!(part, Part::Child(node) if node.grade == Grade::Summable)
}
