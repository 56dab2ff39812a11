//! The tokens of a statement, taken one by one.

use std::str::FromStr as _;

use super::draft::Factor;
use super::exact::ExactNumber;
use super::fault::FaultReason;
use super::statement::Token;

/// Characters of a file that a fault repeats.
const SHOWN_MAX: usize = 40;

/// What is left of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'s, 't> {
    tokens: &'s [Token<'t>],
    at: usize,
}

impl<'s, 't> Parts<'s, 't> {
    pub(super) fn of(tokens: &'s [Token<'t>]) -> Self {
        Self { tokens, at: 0 }
    }

    pub(super) fn rest(&self) -> &'s [Token<'t>] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    fn fail(&self, expected: &'static str) -> FaultReason {
        match self.rest() {
            [] => syntax(expected, ""),
            rest => syntax(expected, &words_of(&rest[..1], " ")),
        }
    }

    pub(super) fn word(&mut self, expected: &'static str) -> Result<&'t str, FaultReason> {
        let Some(Token::Word(word)) = self.rest().first() else {
            return Err(self.fail(expected));
        };
        self.at += 1;
        Ok(word)
    }

    pub(super) fn text(&mut self, expected: &'static str) -> Result<&'t str, FaultReason> {
        let Some(Token::Text(text)) = self.rest().first() else {
            return Err(self.fail(expected));
        };
        self.at += 1;
        Ok(text)
    }

    /// A whole number that is not negative, decimal or hexadecimal.
    pub(super) fn number<N: TryFrom<u64>>(
        &mut self,
        expected: &'static str,
    ) -> Result<N, FaultReason> {
        let parse = |word: &str| match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => u64::from_str(word).ok(),
        };
        let number = match self.rest().first() {
            Some(Token::Word(word)) => parse(word),
            _ => None,
        };
        let number = number.and_then(|number| N::try_from(number).ok());
        let number = number.ok_or_else(|| self.fail(expected))?;
        self.at += 1;
        Ok(number)
    }

    pub(super) fn factor(&mut self, expected: &'static str) -> Result<Factor, FaultReason> {
        let before = *self;
        let word = self.word(expected)?;
        let value = word.parse().ok().filter(|value: &f64| value.is_finite());
        Ok(Factor {
            value: value.ok_or_else(|| before.fail(expected))?,
            exact: ExactNumber::parse(word),
        })
    }

    /// Byte order and sign, such as `1+`, which may stand apart.
    pub(super) fn order(&mut self) -> Result<(char, char), FaultReason> {
        const EXPECTED: &str = "byte order and sign (`0` or `1`, `+` or `-`)";
        let before = *self;
        let mut word = self.word(EXPECTED)?.to_owned();
        if word.len() == 1 {
            word.push_str(self.word(EXPECTED)?);
        }
        match word.as_bytes() {
            [order @ (b'0' | b'1'), sign @ (b'+' | b'-')] => {
                Ok((char::from(*order), char::from(*sign)))
            }
            _ => Err(before.fail(EXPECTED)),
        }
    }

    /// Values with a text each, to the end of the statement.
    pub(super) fn values(&mut self) -> Result<Vec<(i128, &'t str)>, FaultReason> {
        let mut values = Vec::new();
        while !self.rest().is_empty() {
            let before = *self;
            let value = parse_integer(self.word("a value")?);
            let value = value.ok_or_else(|| before.fail("a whole number"))?;
            values.push((value, self.text("the text of a value")?));
        }
        Ok(values)
    }

    /// Takes a mark, where it comes next.
    pub(super) fn mark(&mut self, mark: char) -> bool {
        let is_next = self.rest().first() == Some(&Token::Mark(mark));
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn expect(&mut self, mark: char) -> Result<(), FaultReason> {
        let expected = match mark {
            ':' => "`:`",
            '|' => "`|`",
            '@' => "`@`",
            '(' => "`(`",
            ',' => "`,`",
            _ => "`)`",
        };
        if self.mark(mark) {
            Ok(())
        } else {
            Err(self.fail(expected))
        }
    }

    pub(super) fn skip_behind(&mut self, mark: char) {
        let rest = self.rest();
        let place = rest.iter().position(|token| *token == Token::Mark(mark));
        self.at += place.map_or(0, |place| place + 1);
    }

    /// The first words of the statement, for a fault.
    pub(super) fn words(&self) -> String {
        let is_word = |token: &&Token<'_>| matches!(token, Token::Word(_));
        let words: Vec<Token<'_>> = self
            .tokens
            .iter()
            .filter(is_word)
            .take(2)
            .copied()
            .collect();
        words_of(&words, " ")
    }
}

pub(super) fn words_of(tokens: &[Token<'_>], between: &str) -> String {
    let text = |token: &Token<'_>| match token {
        Token::Word(word) => (*word).to_owned(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Mark(mark) => mark.to_string(),
    };
    tokens.iter().map(text).collect::<Vec<_>>().join(between)
}

/// A whole number, which may be written as a float.
pub(super) fn parse_integer(word: &str) -> Option<i128> {
    let whole = |value: &f64| value.fract() == 0.0 && value.abs() < 1e30;
    let as_float = || word.parse().ok().filter(whole).map(|value| value as i128);
    word.parse().ok().or_else(as_float)
}

/// What belongs somewhere, and what is there.
pub(super) fn syntax(expected: &'static str, actual: &str) -> FaultReason {
    let shown: String = actual.chars().take(SHOWN_MAX).collect();
    let actual = if shown.is_empty() {
        "the end of the statement".to_owned()
    } else {
        format!("`{shown}`")
    };
    FaultReason::Syntax { expected, actual }
}
