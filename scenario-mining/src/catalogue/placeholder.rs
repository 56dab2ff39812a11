//! Parameters in a query: `$name` becomes a typed literal.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, TokenizerError};

use super::header::ParamValue;

/// The names of the placeholders of a query.
pub(super) fn names(sql: &str) -> Result<BTreeSet<String>, TokenizerError> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize()?;
    Ok(tokens.iter().filter_map(name).map(str::to_owned).collect())
}

/// The query with the values of the parameters. Those in comments and texts stay as they are.
pub(super) fn fill(
    sql: &str,
    values: &BTreeMap<&str, &ParamValue>,
) -> Result<String, TokenizerError> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize()?;
    Ok(tokens
        .iter()
        .map(
            |token| match name(token).and_then(|name| values.get(name)) {
                Some(value) => value.to_string(),
                None => token.to_string(),
            },
        )
        .collect())
}

fn name(token: &Token) -> Option<&str> {
    match token {
        Token::Placeholder(text) => text.strip_prefix('$'),
        _ => None,
    }
}
