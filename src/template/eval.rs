//! Runs a parsed template over data, with a budget of steps, output and depth.

use super::ast::{Command, Node, Operand, Pipeline};
use super::builtins::{self, Function};
use super::value::Value;
use super::{Environment, Limits, Template, TemplateError};

/// The text that `template` makes of `data`.
pub(super) fn render(
    template: &Template,
    data: &Value,
    environment: &Environment<'_>,
    limits: &Limits,
) -> Result<String, TemplateError> {
    let mut variables = vec![(String::new(), data.clone())];
    for (name, field) in template.variables {
        let value = data.field(field, &[]).map_err(|message| TemplateError::new(message, 0))?;
        variables.push(((*name).to_owned(), value));
    }
    let mut run =
        Run { template, environment, limits, out: String::new(), steps: limits.steps, depth: 0, variables, offset: 0 };
    run.nodes(&template.main, data)?;
    Ok(run.out)
}

/// What follows a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct Run<'a> {
    template: &'a Template,
    environment: &'a Environment<'a>,
    limits: &'a Limits,
    out: String,
    steps: usize,
    depth: usize,
    variables: Vec<(String, Value)>,
    /// Where the command that runs stands, for errors.
    offset: usize,
}

impl Run<'_> {
    fn error(&self, message: impl Into<String>) -> TemplateError {
        TemplateError::new(message, self.offset)
    }

    fn step(&mut self) -> Result<(), TemplateError> {
        match self.steps.checked_sub(1) {
            Some(left) => self.steps = left,
            None => return Err(self.error(format!("template took more than {} steps", self.limits.steps))),
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<(), TemplateError> {
        if self.out.len() + text.len() > self.limits.output {
            return Err(self.error(format!("template wrote more than {} bytes", self.limits.output)));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, TemplateError> {
        for node in nodes {
            self.step()?;
            let flow = self.node(node, dot)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, TemplateError> {
        match node {
            Node::Text(text) => self.write(text)?,
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.write(&value.print())?;
                }
            }
            Node::If(pipeline, then, otherwise) => {
                return self.scoped(|run| {
                    let value = run.pipeline(pipeline, dot)?;
                    run.nodes(if value.truth() { then } else { otherwise }, dot)
                });
            }
            Node::With(pipeline, then, otherwise) => {
                return self.scoped(|run| {
                    let value = run.pipeline(pipeline, dot)?;
                    if value.truth() { run.nodes(then, &value) } else { run.nodes(otherwise, dot) }
                });
            }
            Node::Range(pipeline, then, otherwise) => {
                return self.scoped(|run| run.range(pipeline, then, otherwise, dot));
            }
            Node::Call { name, argument, offset } => {
                let data = match argument {
                    Some(pipeline) => self.pipeline(pipeline, dot)?,
                    None => Value::Nil,
                };
                self.offset = *offset;
                self.call_template(name, &data)?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    /// Runs with variables that end with the block.
    fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, TemplateError>) -> Result<T, TemplateError> {
        let variables = self.variables.len();
        let result = run(self);
        self.variables.truncate(variables);
        result
    }

    fn call_template(&mut self, name: &str, data: &Value) -> Result<(), TemplateError> {
        let template = self.template;
        let Some(nodes) = template.named.get(name) else {
            return Err(self.error(format!("template {name:?} not defined")));
        };
        if self.depth >= self.limits.depth {
            return Err(self.error(format!("templates are nested deeper than {}", self.limits.depth)));
        }
        let outer = std::mem::replace(&mut self.variables, vec![(String::new(), data.clone())]);
        self.depth += 1;
        let result = self.nodes(nodes, data);
        self.depth -= 1;
        self.variables = outer;
        result.map(|_| ())
    }

    fn range(
        &mut self,
        pipeline: &Pipeline,
        then: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow, TemplateError> {
        let value = self.commands(&pipeline.commands, dot)?;
        let items: Vec<(Value, Value)> = match &value {
            Value::List(list) => (0..).map(Value::Int).zip(list.iter().cloned()).collect(),
            Value::Map(map) if value.type_name() != "struct" => {
                map.entries.iter().map(|(key, value)| (Value::text(key), value.clone())).collect()
            }
            Value::Int(count) => (0..*count).take(self.steps).map(|i| (Value::Int(i), Value::Int(i))).collect(),
            Value::Nil => Vec::new(),
            other => return Err(self.error(format!("range can't iterate over {}", other.verb_v()))),
        };
        if items.is_empty() {
            return self.nodes(otherwise, dot);
        }
        for (key, item) in items {
            self.step()?;
            let flow = self.scoped(|run| {
                match pipeline.variables.as_slice() {
                    [] => {}
                    [one] => run.set(one, item.clone(), pipeline.assigns),
                    [first, second, ..] => {
                        run.set(first, key, pipeline.assigns);
                        run.set(second, item.clone(), pipeline.assigns);
                    }
                }
                run.nodes(then, &item)
            })?;
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn set(&mut self, name: &str, value: Value, assigns: bool) {
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some(slot) if assigns => slot.1 = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, TemplateError> {
        let value = self.commands(&pipeline.commands, dot)?;
        if let [name] = pipeline.variables.as_slice() {
            self.set(name, value.clone(), pipeline.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, commands: &[Command], dot: &Value) -> Result<Value, TemplateError> {
        let mut last = None;
        for command in commands {
            self.offset = command.offset;
            last = Some(self.command(command, dot, last)?);
        }
        last.ok_or_else(|| self.error("missing value for command"))
    }

    /// `piped` is what the command before handed over; it becomes the last argument.
    fn command(&mut self, command: &Command, dot: &Value, piped: Option<Value>) -> Result<Value, TemplateError> {
        self.step()?;
        let Some((first, rest)) = command.operands.split_first() else {
            return Err(self.error("missing value for command"));
        };
        match first {
            Operand::Function(name) => self.function(name, rest, dot, piped),
            Operand::Field(path) | Operand::Variable(_, path) | Operand::Group(_, path) if !path.is_empty() => {
                let (last, path) = path.split_last().map_or(("", path.as_slice()), |(l, p)| (l.as_str(), p));
                let base = match first {
                    Operand::Field(_) => self.walk(dot.clone(), path)?,
                    Operand::Variable(name, _) => {
                        let value = self.variable(name);
                        self.walk(value, path)?
                    }
                    Operand::Group(pipeline, _) => {
                        let value = self.pipeline(pipeline, dot)?;
                        self.walk(value, path)?
                    }
                    _ => Value::Nil,
                };
                let arguments = self.arguments(rest, dot, piped)?;
                base.field(last, &arguments).map_err(|message| self.error(message))
            }
            _ if !rest.is_empty() || piped.is_some() => Err(self.error("can't give argument to non-function")),
            Operand::Constant(Value::Nil) => Err(self.error("nil is not a command")),
            first => self.operand(first, dot),
        }
    }

    fn arguments(
        &mut self,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Vec<Value>, TemplateError> {
        let mut values = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            values.push(self.operand(operand, dot)?);
        }
        values.extend(piped);
        Ok(values)
    }

    fn variable(&self, name: &str) -> Value {
        let found = self.variables.iter().rev().find(|(known, _)| known == name);
        found.map_or(Value::Nil, |(_, value)| value.clone())
    }

    fn walk(&self, mut value: Value, path: &[String]) -> Result<Value, TemplateError> {
        for name in path {
            value = value.field(name, &[]).map_err(|message| self.error(message))?;
        }
        Ok(value)
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, TemplateError> {
        self.step()?;
        match operand {
            Operand::Constant(value) => Ok(value.clone()),
            Operand::Dot => Ok(dot.clone()),
            Operand::Field(path) => self.walk(dot.clone(), path),
            Operand::Variable(name, path) => self.walk(self.variable(name), path),
            Operand::Function(name) => self.function(name, &[], dot, None),
            Operand::Group(pipeline, path) => {
                let value = self.pipeline(pipeline, dot)?;
                self.walk(value, path)
            }
        }
    }

    fn function(
        &mut self,
        name: &str,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, TemplateError> {
        if matches!(name, "and" | "or") {
            return self.shortcut(name == "or", operands, dot, piped);
        }
        let arguments = self.arguments(operands, dot, piped)?;
        let own = self.template.functions.iter().find(|function| function.name == name);
        let Some(function) = own.or_else(|| builtins::find(name)) else {
            return Err(self.error(format!("function {name:?} not defined")));
        };
        self.check_count(function, arguments.len())?;
        if name == "tmpl" {
            return self.rendered(&arguments);
        }
        let result = (function.run)(self.environment, &arguments);
        result.map_err(|message| self.error(format!("error calling {name}: {message}")))
    }

    fn check_count(&self, function: &Function, got: usize) -> Result<(), TemplateError> {
        let (least, most) = function.arguments;
        if got < least || most.is_some_and(|most| got > most) {
            let name = function.name;
            let want = if most == Some(least) { least.to_string() } else { format!("at least {least}") };
            return Err(self.error(format!("wrong number of args for {name}: want {want} got {got}")));
        }
        Ok(())
    }

    /// `and` and `or` stop at the first operand that decides.
    fn shortcut(
        &mut self,
        stop_at: bool,
        operands: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let mut last = None;
        for operand in operands {
            let value = self.operand(operand, dot)?;
            if value.truth() == stop_at {
                return Ok(value);
            }
            last = Some(value);
        }
        piped.or(last).ok_or_else(|| self.error("wrong number of args for and/or: want at least 1 got 0"))
    }

    /// `tmpl "name" data`: the text of a named template as a value.
    fn rendered(&mut self, arguments: &[Value]) -> Result<Value, TemplateError> {
        let [Value::Text(name), data] = arguments else { return Err(self.error("tmpl: wrong type for name")) };
        let outer = std::mem::take(&mut self.out);
        let result = self.call_template(&name.clone(), data);
        let text = std::mem::replace(&mut self.out, outer);
        result.map(|()| Value::text(&text))
    }
}
