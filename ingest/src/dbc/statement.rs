//! A database cut into its statements, without a look at what they say.
//!
//! A grammar for whole files loses the file for one line that it does not know. Here a statement ends at its `;`, or where a line
//! begins with the keyword of the next one, so that what is wrong in a statement stays in it.

/// Tokens of a statement: stops value tables that do not end. The largest of a vehicle have some thousand values.
const TOKENS_MAX: usize = 1 << 20;

/// A part of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name, a keyword or a number.
    Word(&'t str),
    /// What stands between quotes, with its escapes.
    Text(&'t str),
    /// One of `: , | @ ( ) [ ]`.
    Mark(char),
}

/// Whether a statement is there to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    /// A quote has no counterpart.
    OpenQuote,
    /// There are more than [`TOKENS_MAX`] tokens.
    TooLong,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement<'t> {
    /// Line on which it begins, from 1.
    pub(super) line: usize,
    /// Its first word; empty where it begins with something else.
    pub(super) keyword: &'t str,
    pub(super) tokens: Vec<Token<'t>>,
    pub(super) ending: Ending,
}

/// The statements of a text, in order.
pub(super) struct Statements<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Statements<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Goes on by so many bytes.
    fn advance(&mut self, bytes: usize) -> &'t str {
        let passed = &self.rest()[..bytes];
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.at += bytes;
        passed
    }

    /// Passes over blanks and line comments; says whether a line ended among them.
    fn skip_blanks(&mut self) -> bool {
        let line = self.line;
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            if blanks > 0 {
                self.advance(blanks);
            } else if rest.starts_with("//") {
                self.advance(rest.find('\n').unwrap_or(rest.len()));
            } else {
                return self.line > line;
            }
        }
    }

    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || is_mark(c) || c == ';' || c == '"');
        self.advance(end.unwrap_or(rest.len()))
    }

    /// Whether the next word begins another statement than that of the keyword.
    fn is_at_next(&self, keyword: &str, is_new_line: bool) -> bool {
        let word = first_word(self.rest());
        match keyword {
            // Lists of names, among them names that look like keywords.
            "NS_" | "BU_" => is_new_line && is_known(word),
            // What follows a message or signal on its line is no part of it.
            "BO_" | "SG_" => is_known(word) || (is_new_line && is_keyword(word)),
            _ => is_new_line && is_keyword(word),
        }
    }

    /// What stands between quotes; `None` where the quote does not end.
    fn quoted(&mut self, keyword: &str) -> Option<&'t str> {
        self.advance(1);
        let rest = self.rest();
        match closing_quote(rest, keyword == "CM_") {
            Ok(end) => {
                let text = &rest[..end];
                self.advance(end + 1);
                Some(text)
            }
            Err(end) => {
                self.advance(end);
                None
            }
        }
    }
}

impl<'t> Iterator for Statements<'t> {
    type Item = Statement<'t>;

    fn next(&mut self) -> Option<Statement<'t>> {
        self.skip_blanks();
        while self.rest().starts_with(';') {
            self.advance(1);
            self.skip_blanks();
        }
        self.rest().chars().next()?;
        let line = self.line;
        let keyword = self.word();
        let mut statement = Statement {
            line,
            keyword,
            tokens: Vec::new(),
            ending: Ending::Whole,
        };
        loop {
            let is_new_line = self.skip_blanks();
            let Some(next) = self.rest().chars().next() else {
                return Some(statement);
            };
            if self.is_at_next(keyword, is_new_line) {
                return Some(statement);
            }
            let token = match next {
                ';' => {
                    self.advance(1);
                    return Some(statement);
                }
                '"' => {
                    let Some(text) = self.quoted(keyword) else {
                        statement.ending = Ending::OpenQuote;
                        return Some(statement);
                    };
                    Token::Text(text)
                }
                mark if is_mark(mark) => {
                    self.advance(mark.len_utf8());
                    Token::Mark(mark)
                }
                _ => Token::Word(self.word()),
            };
            if statement.tokens.len() < TOKENS_MAX {
                statement.tokens.push(token);
            } else {
                statement.ending = Ending::TooLong;
            }
        }
    }
}

fn is_mark(c: char) -> bool {
    matches!(c, ':' | ',' | '|' | '@' | '(' | ')' | '[' | ']')
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || is_mark(c) || c == '"' || c == ';');
    &text[..end.unwrap_or(text.len())]
}

/// Keywords of the format, without those that stand only in lists.
pub(super) fn is_known(word: &str) -> bool {
    matches!(
        word,
        "VERSION"
            | "FILTER"
            | "NS_"
            | "BS_"
            | "BU_"
            | "BO_"
            | "SG_"
            | "CM_"
            | "EV_"
            | "VAL_"
            | "VAL_TABLE_"
            | "BA_"
            | "BA_DEF_"
            | "BA_DEF_DEF_"
            | "BA_REL_"
            | "BA_DEF_REL_"
            | "BA_DEF_DEF_REL_"
            | "BA_SGTYPE_"
            | "BA_DEF_SGTYPE_"
            | "BO_TX_BU_"
            | "BU_SG_REL_"
            | "BU_EV_REL_"
            | "BU_BO_REL_"
            | "CAT_"
            | "CAT_DEF_"
            | "ENVVAR_DATA_"
            | "EV_DATA_"
            | "NS_DESC_"
            | "SGTYPE_"
            | "SGTYPE_VAL_"
            | "SG_MUL_VAL_"
            | "SIG_GROUP_"
            | "SIG_TYPE_REF_"
            | "SIG_VALTYPE_"
            | "SIGTYPE_VALTYPE_"
    )
}

/// Whether a word looks like a keyword, of this version of the format or of another.
fn is_keyword(word: &str) -> bool {
    let shape = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    is_known(word) || (word.len() > 1 && word.ends_with('_') && word.bytes().all(shape))
}

/// Where the quote ends that begins before the text; else where the statement may be taken to end.
///
/// Quotes of comments hold line breaks, and now and then other quotes: the last one is followed by `;` or the end of the line.
/// Where a quote has no counterpart, the next one belongs to a statement behind it: that is told by a line between them
/// that begins as statements do, unless the quote then ends as that of a comment does.
fn closing_quote(text: &str, is_comment: bool) -> Result<usize, usize> {
    let bytes = text.as_bytes();
    let line_end = text.find('\n').unwrap_or(text.len());
    let mut passed_statement = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => passed_statement = passed_statement || begins_statement(&text[at + 1..]),
            b'"' => {
                let ends = ends_statement(&text[at + 1..]);
                let is_escaped = at > 0 && bytes[at - 1] == b'\\';
                // A path may end in a backslash.
                if is_escaped && !ends {
                    continue;
                }
                if ends || !(is_comment || passed_statement) {
                    return Ok(at);
                }
                if passed_statement {
                    return Err(line_end);
                }
            }
            _ => {}
        }
    }
    Err(line_end)
}

/// Whether a statement may end here: at a `;`, or at the end of a line.
fn ends_statement(text: &str) -> bool {
    let text = text.trim_start_matches([' ', '\t', '\r']);
    text.is_empty() || text.starts_with([';', '\n'])
}

/// Whether a line begins as the common statements do.
fn begins_statement(text: &str) -> bool {
    let line = text.split('\n').next().unwrap_or_default().trim_start();
    let (word, rest) = line.split_at(first_word(line).len());
    let rest = rest.trim_start();
    match word {
        "BO_" | "SIG_VALTYPE_" | "SG_MUL_VAL_" | "BO_TX_BU_" | "SIG_GROUP_" => {
            rest.starts_with(|c: char| c.is_ascii_digit())
        }
        "SG_" => rest.contains('@'),
        "CM_" | "BA_" | "BA_DEF_" | "BA_DEF_DEF_" | "VAL_" | "VAL_TABLE_" => rest.contains('"'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line, keyword and number of tokens of each statement.
    fn cut(text: &str) -> Vec<(usize, &str, usize)> {
        let statements = Statements::of(text);
        statements
            .map(|each| (each.line, each.keyword, each.tokens.len()))
            .collect()
    }

    #[test]
    fn statements_end_at_semicolons_and_before_the_next_keyword() {
        let text = "VERSION \"\"\nNS_ :\n\tCM_\n\tNS_DESC_\n\nBS_:\nBU_: A ABS_\n B_\n\nBO_ 1 M: 8 A\n SG_ S : 0|8@1+ (1,0)\n  [0|0] \"\" A\nCM_ \"a\" CM_ \"b\";VAL_ 1 S 2 \"x\"\nBAD_ 1";
        assert_eq!(
            cut(text),
            [
                (1, "VERSION", 1),
                (2, "NS_", 1),
                (3, "CM_", 0),
                (4, "NS_DESC_", 0),
                (6, "BS_", 1),
                (7, "BU_", 4),
                (10, "BO_", 5),
                (11, "SG_", 19),
                (13, "CM_", 1),
                (13, "VAL_", 4),
                (14, "BAD_", 1),
            ]
        );
        let one_line = "BO_ 1 M: 8 A SG_ S : 0|8@1+ (1,0) [0|0] \"\" A // SG_ no\n";
        assert_eq!(cut(one_line), [(1, "BO_", 5), (1, "SG_", 19)]);
    }

    #[test]
    fn quotes_hold_lines_and_quotes_and_end_where_another_statement_begins() {
        for (text, keywords) in [
            ("CM_ \"one\nBO_ 9 Not: 8 A\ntwo\";\nBS_:", ["CM_", "BS_"]),
            ("CM_ \"he said \"hi\" to\nme\";\nBS_:", ["CM_", "BS_"]),
            ("CM_ \"no end\nBO_ 9 M: 8 A", ["CM_", "BO_"]),
            ("BA_ \"Path\" \"C:\\dir\\\";\nBS_:", ["BA_", "BS_"]),
            ("CM_ \"with \\\" quotes\";\nBS_:", ["CM_", "BS_"]),
        ] {
            let cut: Vec<_> = cut(text).into_iter().map(|each| each.1).collect();
            assert_eq!(cut, keywords, "{text}");
        }
        let open = "CM_ \"no end\nBO_ 9 M: 8 A\n SG_ S : 0|8@1+ (1,0) [0|0] \"V\" A\nCM_ \"c\";\n";
        let cut: Vec<_> = Statements::of(open)
            .map(|each| (each.keyword, each.ending))
            .collect();
        assert_eq!(
            cut,
            [
                ("CM_", Ending::OpenQuote),
                ("BO_", Ending::Whole),
                ("SG_", Ending::Whole),
                ("CM_", Ending::Whole),
            ]
        );
    }
}
