//! Builds the tree of a template; refuses unknown functions and variables, as Go does when it parses.

use std::collections::BTreeMap;

use super::ast::{Command, Node, Operand, Pipeline};
use super::lexer::{Kind, Token, tokens};
use super::value::Value;
use super::{Dialect, TemplateError, builtins};

/// Blocks and parentheses inside each other; keeps a hostile text from exhausting the stack.
const MAX_NESTING: usize = 64;

/// A parsed text.
pub(super) struct Parsed {
    pub main: Vec<Node>,
    pub named: BTreeMap<String, Vec<Node>>,
}

/// Parses a text.
pub(super) fn parse(text: &str, dialect: &Dialect) -> Result<Parsed, TemplateError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        end: text.len(),
        dialect,
        variables: dialect.variables.iter().map(|(name, _)| (*name).to_owned()).collect(),
        named: BTreeMap::new(),
        nesting: 0,
        loops: 0,
    };
    let (main, end) = parser.body(true)?;
    match end {
        End::Text => Ok(Parsed { main, named: parser.named }),
        _ => Err(parser.error("unexpected {{end}} or {{else}}")),
    }
}

/// What ended a list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Text,
    Closed,
    Else,
}

/// The three blocks that share the shape pipeline, body, else, end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    If,
    With,
    Range,
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
    dialect: &'a Dialect,
    variables: Vec<String>,
    named: BTreeMap<String, Vec<Node>>,
    nesting: usize,
    loops: usize,
}

impl Parser<'_> {
    fn error(&self, message: impl Into<String>) -> TemplateError {
        let before = self.tokens.get(self.at.saturating_sub(1)).or(self.tokens.last());
        TemplateError::new(message, before.map_or(self.end, |token| token.offset))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn sign(&self, sign: char) -> bool {
        matches!(self.peek(), Some(Token { kind: Kind::Sign(c), .. }) if *c == sign)
    }

    fn close(&mut self, after: &str) -> Result<(), TemplateError> {
        match self.next() {
            Some(Token { kind: Kind::Close, .. }) => Ok(()),
            _ => Err(self.error(format!("unexpected word in {after}, expected }}}}"))),
        }
    }

    fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, TemplateError>) -> Result<T, TemplateError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(format!("nested deeper than {MAX_NESTING}")));
        }
        let result = run(self);
        self.nesting -= 1;
        result
    }

    /// Nodes up to the text's end, `end` or `else`; `top` allows definitions.
    fn body(&mut self, top: bool) -> Result<(Vec<Node>, End), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            match self.next() {
                None => return Ok((nodes, End::Text)),
                Some(Token { kind: Kind::Text(text), .. }) => nodes.push(Node::Text(text)),
                Some(Token { kind: Kind::Open, .. }) => match self.action(top)? {
                    Action::Node(node) => nodes.push(node),
                    Action::Nothing => {}
                    Action::End(end) => return Ok((nodes, end)),
                },
                Some(_) => return Err(self.error("unexpected token")),
            }
        }
    }

    fn action(&mut self, top: bool) -> Result<Action, TemplateError> {
        let word = match self.peek() {
            Some(Token { kind: Kind::Word(word), .. }) => word.clone(),
            _ => String::new(),
        };
        if !matches!(
            word.as_str(),
            "if" | "with" | "range" | "end" | "else" | "template" | "define" | "block" | "break" | "continue"
        ) {
            let pipeline = self.pipeline(false)?;
            self.close("action")?;
            return Ok(Action::Node(Node::Action(pipeline)));
        }
        self.at += 1;
        match word.as_str() {
            "if" => self.block(Block::If).map(Action::Node),
            "with" => self.block(Block::With).map(Action::Node),
            "range" => self.block(Block::Range).map(Action::Node),
            "template" => self.call().map(Action::Node),
            "define" if top => self.define().map(|()| Action::Nothing),
            "define" => Err(self.error("{{define}} is only allowed at the top")),
            "block" => self.named_block().map(Action::Node),
            "else" => Ok(Action::End(End::Else)),
            "end" => self.close("end").map(|()| Action::End(End::Closed)),
            _ if self.loops == 0 => Err(self.error(format!("{{{{{word}}}}} outside {{{{range}}}}"))),
            _ => {
                self.close(&word)?;
                Ok(Action::Node(if word == "break" { Node::Break } else { Node::Continue }))
            }
        }
    }

    fn block(&mut self, block: Block) -> Result<Node, TemplateError> {
        self.nested(|parser| {
            let variables = parser.variables.len();
            let pipeline = parser.pipeline(block == Block::Range)?;
            parser.close("block")?;
            parser.loops += usize::from(block == Block::Range);
            let (then, end) = parser.body(false)?;
            parser.loops -= usize::from(block == Block::Range);
            let otherwise = match end {
                End::Closed => Vec::new(),
                End::Text => return Err(parser.error("unexpected EOF: a block is not closed by {{end}}")),
                End::Else => parser.otherwise(block)?,
            };
            parser.variables.truncate(variables);
            Ok(match block {
                Block::If => Node::If(pipeline, then, otherwise),
                Block::With => Node::With(pipeline, then, otherwise),
                Block::Range => Node::Range(pipeline, then, otherwise),
            })
        })
    }

    /// After `else`: another `if` or `with`, or nodes up to `end`.
    fn otherwise(&mut self, block: Block) -> Result<Vec<Node>, TemplateError> {
        let chained = match self.peek() {
            Some(Token { kind: Kind::Word(word), .. }) => match (word.as_str(), block) {
                ("if", Block::If) | ("with", Block::With) => true,
                _ => return Err(self.error("unexpected word in else")),
            },
            _ => false,
        };
        if chained {
            self.at += 1;
            return Ok(vec![self.block(block)?]);
        }
        self.close("else")?;
        match self.body(false)? {
            (nodes, End::Closed) => Ok(nodes),
            (_, End::Else) => Err(self.error("expected end; found {{else}}")),
            (_, End::Text) => Err(self.error("unexpected EOF: a block is not closed by {{end}}")),
        }
    }

    fn name(&mut self, clause: &str) -> Result<String, TemplateError> {
        match self.next() {
            Some(Token { kind: Kind::Constant(Value::Text(name)), .. }) => Ok(name.as_ref().to_owned()),
            _ => Err(self.error(format!("expected a quoted name in {clause} clause"))),
        }
    }

    fn call(&mut self) -> Result<Node, TemplateError> {
        let name = self.name("template")?;
        let offset = self.error("").offset;
        let argument = match self.peek() {
            Some(Token { kind: Kind::Close, .. }) => None,
            _ => Some(self.pipeline(false)?),
        };
        self.close("template clause")?;
        Ok(Node::Call { name, argument, offset })
    }

    /// A body of its own: outer variables are not seen inside.
    fn named_body(&mut self, name: String) -> Result<(), TemplateError> {
        self.nested(|parser| {
            let outer = std::mem::take(&mut parser.variables);
            let loops = std::mem::take(&mut parser.loops);
            let (nodes, end) = parser.body(false)?;
            if end != End::Closed {
                return Err(parser.error("unexpected EOF or {{else}}: a definition is not closed by {{end}}"));
            }
            parser.variables = outer;
            parser.loops = loops;
            parser.named.insert(name, nodes);
            Ok(())
        })
    }

    fn define(&mut self) -> Result<(), TemplateError> {
        let name = self.name("define")?;
        self.close("define clause")?;
        self.named_body(name)
    }

    fn named_block(&mut self) -> Result<Node, TemplateError> {
        let name = self.name("block")?;
        let offset = self.error("").offset;
        let argument = Some(self.pipeline(false)?);
        self.close("block clause")?;
        self.named_body(name.clone())?;
        Ok(Node::Call { name, argument, offset })
    }

    fn pipeline(&mut self, range: bool) -> Result<Pipeline, TemplateError> {
        let (variables, assigns) = self.targets(range)?;
        let mut commands = vec![self.command()?];
        while self.sign('|') {
            self.at += 1;
            let command = self.command()?;
            if matches!(command.operands.first(), Some(Operand::Constant(_) | Operand::Dot)) {
                return Err(TemplateError::new("non executable command in pipeline", command.offset));
            }
            commands.push(command);
        }
        if assigns {
            for name in &variables {
                self.known_variable(name)?;
            }
        } else {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipeline { variables, assigns, commands })
    }

    /// `$a :=`, `$a =`, or in a range `$i, $v :=`.
    fn targets(&mut self, range: bool) -> Result<(Vec<String>, bool), TemplateError> {
        let kind = |at: usize| self.tokens.get(at).map(|token| &token.kind);
        let Some(Kind::Variable(first)) = kind(self.at) else { return Ok((Vec::new(), false)) };
        let mut names = vec![first.clone()];
        let mut at = self.at + 1;
        if range && matches!(kind(at), Some(Kind::Sign(','))) {
            let Some(Kind::Variable(second)) = kind(at + 1) else {
                return Err(self.error("range can only initialize variables"));
            };
            names.push(second.clone());
            at += 2;
        }
        let assigns = match kind(at) {
            Some(Kind::Sign(':')) => false,
            Some(Kind::Sign('=')) => true,
            _ if names.len() == 1 => return Ok((Vec::new(), false)),
            _ => return Err(self.error("expected := or = after variables")),
        };
        self.at = at + 1;
        Ok((names, assigns))
    }

    fn command(&mut self) -> Result<Command, TemplateError> {
        let offset = self.peek().map_or(self.end, |token| token.offset);
        let mut operands = Vec::new();
        loop {
            match self.peek() {
                Some(Token { kind: Kind::Close, .. }) | None => break,
                Some(Token { kind: Kind::Sign('|' | ')'), .. }) => break,
                Some(token) if !operands.is_empty() && !token.spaced && !matches!(token.kind, Kind::Sign('(')) => {
                    return Err(TemplateError::new("unexpected token right after an operand", token.offset));
                }
                Some(_) => operands.push(self.operand()?),
            }
        }
        if operands.is_empty() {
            return Err(TemplateError::new("missing value for command", offset));
        }
        Ok(Command { operands, offset })
    }

    fn operand(&mut self) -> Result<Operand, TemplateError> {
        let Some(token) = self.next() else { return Err(self.error("unexpected EOF in operand")) };
        match token.kind {
            Kind::Constant(value) => Ok(Operand::Constant(value)),
            Kind::Dot => Ok(Operand::Dot),
            Kind::Field(name) => {
                let mut names = vec![name];
                names.extend(self.fields());
                Ok(Operand::Field(names))
            }
            Kind::Variable(name) => {
                self.known_variable(&name)?;
                let names = self.fields();
                Ok(Operand::Variable(name, names))
            }
            Kind::Word(name) => {
                self.known_function(&name)?;
                Ok(Operand::Function(name))
            }
            Kind::Sign('(') => self.nested(|parser| {
                let pipeline = parser.pipeline(false)?;
                if !parser.sign(')') {
                    return Err(parser.error("unclosed left paren"));
                }
                parser.at += 1;
                let names = parser.fields();
                Ok(Operand::Group(Box::new(pipeline), names))
            }),
            Kind::Sign(sign) => Err(self.error(format!("unexpected {sign:?} in operand"))),
            Kind::Text(_) | Kind::Open | Kind::Close => Err(self.error("unexpected end of action")),
        }
    }

    /// Field names that follow without a blank.
    fn fields(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(Token { kind: Kind::Field(name), spaced: false, .. }) = self.peek() {
            names.push(name.clone());
            self.at += 1;
        }
        names
    }

    fn known_variable(&self, name: &str) -> Result<(), TemplateError> {
        if name.is_empty() || self.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(self.error(format!("undefined variable \"${name}\"")))
    }

    fn known_function(&self, name: &str) -> Result<(), TemplateError> {
        if builtins::find(name).is_some() || self.dialect.functions.iter().any(|function| function.name == name) {
            return Ok(());
        }
        Err(self.error(format!("function {name:?} not defined")))
    }
}

/// What one action turned out to be.
enum Action {
    Node(Node),
    Nothing,
    End(End),
}
