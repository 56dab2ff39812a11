//! The prompt of `driveloop sql` on a terminal.

mod command;
mod complete;
mod editor;

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::Result;
use driveloop_lake::Lake;
use driveloop_scenario_mining::{
    Reader, SessionOptions, Statement, Vocabulary, docs, operator_docs, statements, vocabulary,
};
use driveloop_schemas::TABLES;

use self::command::{COMMANDS, Command, command};
use self::editor::{Input, Keyboard};
use crate::Exit;
use crate::answer::{self, Limits, Shown};
use crate::context::Context;
use crate::hint;
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// Asks for statements until the user leaves. An error ends its statement alone.
pub(crate) async fn run(
    context: &Context,
    lake: &Lake,
    options: &SessionOptions,
    limits: Limits,
) -> Result<Exit> {
    let words = vocabulary().await?;
    let mut keyboard = Keyboard::new(words.clone())?;
    let mut prompt = Prompt {
        context,
        lake,
        options,
        limits,
        words,
        is_timed: false,
    };
    eprintln!(
        "driveloop {} at `{}`: SQL up to a `;`, \\? for help",
        env!("CARGO_PKG_VERSION"),
        context.lake_uri
    );
    loop {
        match tokio::task::block_in_place(|| keyboard.read())? {
            Input::End => break,
            Input::Dropped => {}
            Input::Text(text) => match prompt.take(&text).await {
                Ok(Next::Ask) => {}
                Ok(Next::Leave) => break,
                Err(error) => eprint!("{}", hint::explain(&error)),
            },
        }
    }
    Ok(Exit::Done)
}

/// What follows an input.
enum Next {
    Ask,
    Leave,
}

struct Prompt<'a> {
    context: &'a Context,
    lake: &'a Lake,
    options: &'a SessionOptions,
    limits: Limits,
    words: Vocabulary,
    is_timed: bool,
}

impl Prompt<'_> {
    async fn take(&mut self, text: &str) -> Result<Next> {
        match command(text) {
            None => self.statements(text).await?,
            Some(Command::Quit) => return Ok(Next::Leave),
            Some(Command::Help) => eprint!("{}", help()),
            Some(Command::Tables) => self.tables()?,
            Some(Command::Table(table)) => self.columns(table).await?,
            Some(Command::Functions) => self.functions()?,
            Some(Command::Timing) => {
                self.is_timed = !self.is_timed;
                eprintln!("timing is {}", if self.is_timed { "on" } else { "off" });
            }
            Some(Command::Unknown(line)) => anyhow::bail!("no command `{line}`; \\? lists them"),
        }
        Ok(Next::Ask)
    }

    /// Each input sees the lake as it is by then.
    async fn statements(&self, text: &str) -> Result<()> {
        let reader = Reader::open(self.lake, self.options).await?;
        for statement in statements(text) {
            if self.statement(&reader, statement).await? == Shown::Interrupted {
                break;
            }
        }
        Ok(())
    }

    async fn statement(&self, reader: &Reader, statement: Statement<'_>) -> Result<Shown> {
        let begun = Instant::now();
        let shown = answer::show(reader, statement, self.context, self.limits).await?;
        let time = if self.is_timed {
            format!(" in {:.3} s", begun.elapsed().as_secs_f64())
        } else {
            String::new()
        };
        match shown {
            Shown::Whole(rows) => eprintln!("({}{time})", count(rows as u64, "row")),
            Shown::Cut(_) => answer::explain_cut(shown),
            Shown::Interrupted => eprintln!("stopped{time}"),
        }
        Ok(shown)
    }

    fn tables(&self) -> Result<()> {
        let mut sheet = Sheet::new(&["table", "a row is"]);
        for table in self.words.tables.keys() {
            let spec = TABLES.iter().find(|spec| spec.name == *table);
            let doc = spec.map_or(
                "an actor at a stamp next to the ego, from object_track",
                |spec| spec.doc,
            );
            sheet.row([table.as_str().into(), first_sentence(doc).into()]);
        }
        render::sheet(self.context.format, sheet)
    }

    async fn columns(&self, table: &str) -> Result<()> {
        let name = table.trim_start_matches("with_composed.");
        anyhow::ensure!(
            self.words.tables.contains_key(name),
            "no table `{table}`; \\d lists them"
        );
        let Some(spec) = TABLES.iter().find(|spec| spec.name == name) else {
            return self.statements(&format!("DESCRIBE {name}")).await;
        };
        let mut sheet = Sheet::new(&["column", "type", "unit, frame", "meaning"]);
        for column in spec.columns {
            sheet.row([
                column.name.into(),
                (column.data_type)().to_string().into(),
                column.unit.into(),
                one_line(column.doc).into(),
            ]);
        }
        render::sheet(self.context.format, sheet)
    }

    fn functions(&self) -> Result<()> {
        let mut sheet = Sheet::new(&["function", "unit", "meaning"]);
        for function in docs() {
            let call = format!("{}({})", function.name, function.arguments.join(", "));
            sheet.row([call.into(), function.unit.into(), function.doc.into()]);
        }
        for operator in operator_docs() {
            let call = format!("{}({})", operator.name, operator.arguments);
            sheet.row([call.into(), "rows".into(), operator.doc.into()]);
        }
        render::sheet(self.context.format, sheet)
    }
}

fn help() -> String {
    let mut text = String::new();
    for (name, meaning) in COMMANDS {
        let _ = writeln!(text, "{name:<10} {meaning}");
    }
    text.push_str(
        "Tab completes, arrows walk the history, Ctrl-C stops a statement or drops what is typed.\n",
    );
    text
}

fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_sentence(doc: &str) -> String {
    let doc = one_line(doc);
    let end = doc.find(". ").map_or(doc.len(), |end| end + 1);
    doc[..end].to_owned()
}
