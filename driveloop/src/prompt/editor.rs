//! The line editor: history, completion, and statements of many lines.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use driveloop_scenario_mining::{Vocabulary, statements};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Editor, Helper};

use super::command::command;
use super::complete::complete;

/// Inputs that the history keeps.
const HISTORY_MAX: usize = 1000;

/// What came from the keyboard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Whole statements, or a command.
    Text(String),
    /// Ctrl-C: what was typed is dropped.
    Dropped,
    /// Ctrl-D: the end.
    End,
}

/// Reads from the keyboard.
pub(crate) struct Keyboard {
    editor: Editor<Words, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Keyboard {
    /// An editor that knows these words, with the history of earlier sessions where there is one.
    pub(crate) fn new(words: Vocabulary) -> Result<Self> {
        let config = Config::builder()
            .max_history_size(HISTORY_MAX)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config).context("cannot use this terminal")?;
        editor.set_helper(Some(Words(words)));
        let history = history_file();
        if let Some(file) = &history {
            // There is none before the first session; one that is damaged is written anew.
            let _ = editor.load_history(file);
        }
        Ok(Self { editor, history })
    }

    /// The next input. Blocks.
    pub(crate) fn read(&mut self) -> Result<Input> {
        let text = match self.editor.readline("driveloop> ") {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => return Ok(Input::Dropped),
            Err(ReadlineError::Eof) => return Ok(Input::End),
            Err(error) => return Err(error).context("cannot read from the terminal"),
        };
        self.editor.add_history_entry(text.trim_end())?;
        self.keep_history();
        Ok(Input::Text(text))
    }

    /// Writes what is new of the history, so that nothing is lost when the terminal is closed.
    fn keep_history(&mut self) {
        let Some(file) = &self.history else {
            return;
        };
        let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        // Other prompts may have added to it meanwhile.
        let kept = folder
            .map_err(ReadlineError::from)
            .and_then(|()| self.editor.append_history(file));
        if let Err(error) = kept {
            eprintln!("the history is not kept in `{}`: {error}", file.display());
            self.history = None;
        }
    }
}

/// The file of the history, in the folder for state that outlives a session; `None` for a user without a home.
fn history_file() -> Option<PathBuf> {
    let folder = |name: &str| {
        let folder = PathBuf::from(std::env::var_os(name)?);
        folder.is_absolute().then_some(folder)
    };
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
    Some(state?.join("driveloop").join("history"))
}

/// What the editor knows of SQL.
struct Words(Vocabulary);

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(line, cursor, &self.0))
    }
}

impl Validator for Words {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Highlighter for Words {}

impl Hinter for Words {
    type Hint = String;
}

impl Helper for Words {}

/// Whether Enter ends the input: at a command, and where a semicolon ends the last statement.
fn is_whole(input: &str) -> bool {
    command(input).is_some() || statements(input).last().is_none_or(|last| last.is_ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_ends_the_input() {
        for whole in [
            "",
            "SELECT 1;",
            "SELECT 1;\nSELECT 2; -- done",
            "\\d drive",
            "-- nothing",
        ] {
            assert!(is_whole(whole), "{whole}");
        }
        for open in [
            "SELECT 1",
            "SELECT 1;\nSELECT 2",
            "SELECT ';",
            "SELECT 1 /* ;",
            "/* ;",
        ] {
            assert!(!is_whole(open), "{open}");
        }
    }
}
