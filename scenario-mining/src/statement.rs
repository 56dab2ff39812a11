//! Statements in a text: where each begins and ends, by the tokens of the query engine's own parser.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// One statement of a text, which knows its place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The statement, without the semicolon that ends it.
    pub text: &'a str,
    /// The text that it stands in.
    pub script: &'a str,
    /// Line on which it begins, from one.
    pub line: u64,
    /// Column at which it begins, from one, in characters.
    pub column: u64,
    /// Whether a semicolon ends it; that of the last one may be missing.
    pub is_ended: bool,
}

impl<'a> From<&'a str> for Statement<'a> {
    /// The whole text as one statement.
    fn from(text: &'a str) -> Self {
        Self {
            text,
            script: text,
            line: 1,
            column: 1,
            is_ended: false,
        }
    }
}

/// The statements of a text, in order. Those that are empty or comment alone are left out.
///
/// Semicolons in quotes, dollar quotes and comments end nothing. A quote or comment that is not closed belongs, with all that
/// follows it, to the last statement.
#[must_use]
pub fn statements(script: &str) -> Vec<Statement<'_>> {
    let (tokens, is_whole) = tokens(script);
    let mut cursor = Cursor::new(script);
    let mut found = Vec::new();
    let mut begun: Option<(Location, usize)> = None;
    let statement = |(at, from): (Location, usize), to: usize, is_ended| Statement {
        text: script[from..to].trim_end(),
        script,
        line: at.line,
        column: at.column,
        is_ended,
    };
    for TokenWithSpan { token, span } in &tokens {
        let byte = cursor.advance(span.start);
        match token {
            Token::Whitespace(_) => {}
            Token::SemiColon => {
                found.extend(begun.take().map(|begun| statement(begun, byte, true)));
            }
            _ => begun = begun.or(Some((span.start, byte))),
        }
    }
    if !is_whole && begun.is_none() {
        let at = tokens
            .last()
            .map_or(Location::new(1, 1), |token| token.span.end);
        begun = Some((at, cursor.advance(at)));
    }
    found.extend(begun.map(|begun| statement(begun, script.len(), false)));
    found
}

/// The tokens of a text up to the first that is not closed or unknown, and whether that is the end.
pub(crate) fn tokens(text: &str) -> (Vec<TokenWithSpan>, bool) {
    let mut tokens = Vec::new();
    let read =
        Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut tokens);
    (tokens, read.is_ok())
}

/// A place in a text that moves on, in lines and columns as the tokenizer counts them and in bytes.
struct Cursor<'a> {
    rest: std::str::Chars<'a>,
    length: usize,
    at: Location,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.chars(),
            length: text.len(),
            at: Location::new(1, 1),
        }
    }

    /// The byte of a place that is not before the present one.
    fn advance(&mut self, to: Location) -> usize {
        while (self.at.line, self.at.column) < (to.line, to.column) {
            match self.rest.next() {
                Some('\n') => self.at = Location::new(self.at.line + 1, 1),
                Some(_) => self.at.column += 1,
                None => break,
            }
        }
        self.length - self.rest.as_str().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<(&str, bool)> {
        let texts = statements(script).into_iter();
        texts.map(|found| (found.text, found.is_ended)).collect()
    }

    #[test]
    fn semicolons_end_statements() {
        assert_eq!(
            texts("SELECT 1; SELECT 2 ;;\nSELECT 3"),
            [("SELECT 1", true), ("SELECT 2", true), ("SELECT 3", false)]
        );
        assert_eq!(texts(""), []);
        assert_eq!(texts(" ; -- nothing\n /* ; */"), []);
    }

    #[test]
    fn quotes_and_comments_hide_semicolons() {
        for statement in [
            "SELECT 'a;''b;'",
            "SELECT \"a;b\"",
            "SELECT $$a;'b$$",
            "SELECT $tag$a;$$;b$tag$",
            "SELECT 1 -- a; b\n+ 2",
            "SELECT 1 /* a; /* b; */ c; */ + 2",
            "SELECT 'é;', '日本;'",
        ] {
            assert_eq!(
                texts(&format!("{statement}; SELECT 2")),
                [(statement, true), ("SELECT 2", false)]
            );
        }
    }

    #[test]
    fn what_is_not_closed_goes_on() {
        for open in ["'a; b", "\"a; b", "$$a; b", "/* a; b"] {
            assert_eq!(
                texts(&format!("SELECT 1; {open}; c")),
                [("SELECT 1", true), (&*format!("{open}; c"), false)]
            );
            let begun = format!("SELECT {open}; c");
            assert_eq!(texts(&begun), [(&*begun, false)]);
        }
    }

    #[test]
    fn a_statement_knows_its_place() {
        let script = "-- first\nSELECT 'é';  SELECT 2;\n\n  SELECT 3";
        let places: Vec<_> = statements(script)
            .iter()
            .map(|found| (found.line, found.column))
            .collect();
        assert_eq!(places, [(2, 1), (2, 14), (4, 3)]);
    }
}
