//! Hyperparameters as JSON.

/// JSON with sorted keys, whatever order maps have in this build. Dates are texts.
pub(crate) fn write_json(value: &toml::Value, json: &mut String) {
    match value {
        toml::Value::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            write_sequence(json, "{}", entries, |(key, value), json| {
                json.push_str(&serde_json::Value::from(key.as_str()).to_string());
                json.push(':');
                write_json(value, json);
            });
        }
        toml::Value::Array(values) => write_sequence(json, "[]", values, write_json),
        toml::Value::String(text) => {
            json.push_str(&serde_json::Value::from(text.as_str()).to_string());
        }
        toml::Value::Integer(number) => json.push_str(&number.to_string()),
        toml::Value::Float(number) => json.push_str(&serde_json::Value::from(*number).to_string()),
        toml::Value::Boolean(truth) => json.push_str(if *truth { "true" } else { "false" }),
        toml::Value::Datetime(date) => {
            json.push_str(&serde_json::Value::from(date.to_string()).to_string());
        }
    }
}

fn write_sequence<T>(
    json: &mut String,
    brackets: &str,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    let (open, close) = brackets.split_at(1);
    json.push_str(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write(item, json);
    }
    json.push_str(close);
}
