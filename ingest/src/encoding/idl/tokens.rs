//! The words of an IDL text, with their lines. Comments, preprocessor lines and the separators between files are passed over.

/// A word of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
    pub(crate) kind: TokenKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Name,
    Number,
    /// A text or a character in quotes.
    Quoted,
    /// `::`, or one other character.
    Mark,
}

/// Splits the text into words. The error says in which line something has no end.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let (mut rest, mut line, mut at_line_start) = (text, 1_usize, true);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = if at_line_start && is_passed_over(rest) {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if first.is_whitespace() {
            (None, first.len_utf8())
        } else if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            let end = rest.find("*/");
            (None, end.ok_or_else(|| endless("comment", line))? + 2)
        } else if first == '"' || first == '\'' {
            let length = quoted(rest, first).ok_or_else(|| endless("text", line))?;
            (Some(TokenKind::Quoted), length)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            (Some(TokenKind::Name), run(rest, is_part))
        } else if first.is_ascii_digit() {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
            (Some(TokenKind::Number), run(rest, is_part))
        } else if rest.starts_with("::") {
            (Some(TokenKind::Mark), 2)
        } else {
            (Some(TokenKind::Mark), first.len_utf8())
        };
        let (word, after) = rest.split_at(length);
        if let Some(kind) = kind {
            let text = word;
            tokens.push(Token { text, line, kind });
        }
        line += word.bytes().filter(|byte| *byte == b'\n').count();
        at_line_start = word.ends_with('\n') || (at_line_start && kind.is_none());
        rest = after;
    }
    Ok(tokens)
}

/// Whether the line is one of the preprocessor, or of the separators that files have between definitions:
/// a line of `=`, and one `IDL: package/msg/Name`.
fn is_passed_over(line: &str) -> bool {
    line.starts_with('#') || line.starts_with("===") || line.starts_with("IDL: ")
}

/// The length of a quoted text, quotes included.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return Some(at + 1);
        }
    }
    None
}

fn run(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

fn endless(what: &str, line: usize) -> String {
    format!("line {line}: the {what} has no end")
}
