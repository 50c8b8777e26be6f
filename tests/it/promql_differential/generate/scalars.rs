//! Numbers: literals in every spelling, scalar functions, arithmetic between them.

use super::super::tree::{Grade, Node, Part, Type};
use super::Generator;

const SMALL: [&str; 14] = ["0", "1", "2", "3", "-1", "10", "0.5", "2.5", "-0.25", "100", "0x1f", "1e2", "+4", "-7"];
const SPECIAL: [&str; 8] = ["NaN", "Inf", "-Inf", "+Inf", "nan", "inf", "-NaN", "-0"];
// Nothing smaller: Go 1.19, which Debian's Prometheus is built with, is wrong about powers of subnormal numbers.
const OTHER: [&str; 8] = ["0.1", "1e-9", "3.14159", "1e10", "-2.7", "1e300", ".3", "1e-100"];

impl Generator {
    /// A scalar expression that agrees as closely as `limit`.
    pub(super) fn scalar(&mut self, depth: u32, limit: Grade) -> Node {
        if depth > 1 && self.chance(40) {
            for _ in 0..4 {
                let node = self.compound_scalar(depth, limit);
                if node.grade <= limit {
                    return node;
                }
            }
        }
        match self.pick(&[0, 0, 0, 0, 1, 2, 3, 4]) {
            1 => Node::scalar(Grade::Summable, self.pick(&SPECIAL)),
            2 if limit >= Grade::Exact => Node::scalar(Grade::Exact, self.pick(&OTHER)),
            3 if limit >= Grade::Exact => Node::scalar(Grade::Exact, "time()"),
            4 if limit >= Grade::Exact => Node::scalar(Grade::Exact, "pi()"),
            _ => Node::scalar(Grade::Summable, self.pick(&SMALL)),
        }
    }

    fn compound_scalar(&mut self, depth: u32, limit: Grade) -> Node {
        match self.pick(&[0, 0, 1, 1, 2, 3]) {
            0 => {
                let child = self.vector(depth - 1, limit);
                let child = if self.chance(50) { self.one_of(child) } else { child };
                let grade = child.grade;
                Node::new(Type::Scalar, grade, vec!["scalar(".into(), child.into(), ")".into()])
            }
            1 => {
                let (op, left, right, grade) =
                    self.operands(depth, limit, |make, depth, limit| make.scalar(depth, limit));
                let parts = vec!["(".into(), left.into(), format!(" {op} ").into(), right.into(), ")".into()];
                Node::new(Type::Scalar, grade, parts)
            }
            2 => {
                let (left, right) = (self.scalar(depth - 1, Grade::Exact), self.scalar(depth - 1, Grade::Exact));
                let op = self.pick(&super::operators::COMPARISONS);
                let parts = vec!["(".into(), left.into(), format!(" {op} bool ").into(), right.into(), ")".into()];
                Node::new(Type::Scalar, Grade::Summable, parts)
            }
            _ => {
                let child = self.scalar(depth - 1, limit);
                let sign = self.pick(&["-(", "+(", "(-", "("]);
                let grade = child.grade;
                Node::new(Type::Scalar, grade, vec![Part::from(sign), child.into(), ")".into()])
            }
        }
    }

    fn one_of(&mut self, child: Node) -> Node {
        let name = self.pick(&["max(", "min("]);
        let grade = child.grade;
        Node::new(Type::Vector, grade, vec![name.into(), child.into(), ")".into()])
    }

    /// A share of one, sometimes outside of it.
    pub(super) fn quantile_scalar(&mut self) -> Node {
        if self.chance(10) {
            return self.scalar(2, Grade::Exact);
        }
        let text = self.pick(&["0.5", "0.9", "0.99", "0.123", "0", "1", "-1", "1.5", "NaN", "Inf"]);
        Node::scalar(Grade::Exact, text)
    }
}
