//! What a template is made of once parsed.

use super::value::Value;

/// One piece of a template's body.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Text as it stands.
    Text(String),
    /// A pipeline whose value is printed, unless it sets variables.
    Action(Pipeline),
    /// `if` with its two branches; `else if` nests.
    If(Pipeline, Vec<Node>, Vec<Node>),
    /// `with`, which moves the dot.
    With(Pipeline, Vec<Node>, Vec<Node>),
    /// `range` with what stands in for an empty list.
    Range(Pipeline, Vec<Node>, Vec<Node>),
    /// `template "name" pipeline`.
    Call { name: String, argument: Option<Pipeline>, offset: usize },
    /// `break` of the innermost range.
    Break,
    /// `continue` of the innermost range.
    Continue,
}

/// Commands joined by `|`, with the variables that take the result.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    /// Variables before `:=` or `=`, without `$`.
    pub variables: Vec<String>,
    /// Whether they exist already (`=`).
    pub assigns: bool,
    /// At least one.
    pub commands: Vec<Command>,
}

/// A function or value with its arguments.
#[derive(Debug, Clone)]
pub(super) struct Command {
    /// At least one; the first is what is called.
    pub operands: Vec<Operand>,
    /// Where it begins.
    pub offset: usize,
}

/// One word of a command.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// A literal.
    Constant(Value),
    /// `.`
    Dot,
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`; the name is without `$` and empty for the data itself.
    Variable(String, Vec<String>),
    /// A function's name.
    Function(String),
    /// `( … ).a.b`
    Group(Box<Pipeline>, Vec<String>),
}
