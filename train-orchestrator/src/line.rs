//! A line of metrics, read field by field: what is wrong with one field costs no other.

use serde_json::{Map, Value};

/// The largest count of steps: up to it, each whole number is a double.
const STEP_MAX: f64 = 9_007_199_254_740_992.0;
/// Characters of a text that is kept, such as the name of a device.
const TEXT_CHARS_MAX: usize = 256;
/// Characters that are shown of what cannot be used.
const SHOWN_CHARS_MAX: usize = 60;

/// One line. Each field may be absent; others are passed over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricsLine {
    /// `start`, `step`, `validation`, `checkpoint`, `end`, or another word.
    pub event: Option<String>,
    /// Steps behind it.
    pub step: Option<u64>,
    /// Passes over the training split behind it.
    pub epoch: Option<f64>,
    /// Steps behind the model that was kept.
    pub best_step: Option<u64>,
    /// Loss on the training split.
    pub loss: Option<f64>,
    /// Loss on the validation split.
    pub validation_loss: Option<f64>,
    /// Samples trained on in a second.
    pub samples_per_s: Option<f64>,
    /// Device that computes.
    pub device: Option<String>,
}

impl MetricsLine {
    pub(crate) fn is(&self, event: &str) -> bool {
        self.event.as_deref() == Some(event)
    }
}

/// What a line turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// A JSON object, and what of it could not be used: field and text.
    Object(MetricsLine, Vec<(&'static str, String)>),
    /// Something else.
    Foreign(String),
    /// Longer than its bound.
    TooLong,
}

impl Line {
    /// Reads a line; an empty one is none.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        // Python writes NaN and Infinity, and 1e999 is no double: such a value is as good as a text that is no number.
        let object: Option<Map<String, Value>> = serde_json::from_slice(line)
            .ok()
            .or_else(|| serde_json::from_slice(&with_quoted_words(line)).ok());
        Some(match object {
            Some(object) => {
                let mut fields = Fields {
                    object,
                    unused: Vec::new(),
                };
                let line = MetricsLine {
                    event: fields.text("event"),
                    step: fields.steps("step"),
                    epoch: fields.number("epoch"),
                    best_step: fields.steps("best_step"),
                    loss: fields.number("loss"),
                    validation_loss: fields.number("validation_loss"),
                    samples_per_s: fields.number("samples_per_s"),
                    device: fields.text("device"),
                };
                Self::Object(line, fields.unused)
            }
            None => Self::Foreign(shown(&String::from_utf8_lossy(line))),
        })
    }

    /// What could not be used where the line is no object.
    pub(crate) fn unused(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Object(_, unused) => unused,
            Self::Foreign(text) => vec![("a line that is no JSON object", text)],
            Self::TooLong => vec![("a line that is too long", String::new())],
        }
    }
}

/// The fields of an object as they are asked for.
struct Fields {
    object: Map<String, Value>,
    unused: Vec<(&'static str, String)>,
}

impl Fields {
    /// A field by its rule; `null` is as good as none.
    fn read<T>(&mut self, name: &'static str, rule: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        let read = rule(value);
        if read.is_none() {
            self.unused.push((name, shown(&value.to_string())));
        }
        read
    }

    fn number(&mut self, name: &'static str) -> Option<f64> {
        self.read(name, number)
    }

    /// A whole number, however it is written.
    fn steps(&mut self, name: &'static str) -> Option<u64> {
        let is_count = |steps: &f64| steps.fract() == 0.0 && (0.0..=STEP_MAX).contains(steps);
        self.read(name, |value| {
            number(value).filter(is_count).map(|steps| steps as u64)
        })
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, |value| {
            let text = value.as_str()?;
            (text.chars().count() <= TEXT_CHARS_MAX).then(|| text.to_owned())
        })
    }
}

/// A finite number, or a text that is one.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// A line in which each value that JSON does not know, a word or a number, is a text.
fn with_quoted_words(line: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => text_length(rest),
            b',' | b':' | b'{' | b'}' | b'[' | b']' => 1,
            first if first.is_ascii_whitespace() => 1,
            _ => {
                let is_end = |byte: &u8| b",:{}[]\"".contains(byte) || byte.is_ascii_whitespace();
                rest.iter().position(is_end).unwrap_or(rest.len())
            }
        };
        let (token, after) = rest.split_at(length);
        let is_word = !b"\",:{}[]".contains(first) && !first.is_ascii_whitespace();
        let is_name = after.trim_ascii_start().starts_with(b":");
        if is_word && !is_name && serde_json::from_slice::<Value>(token).is_err() {
            let text = String::from_utf8_lossy(token);
            quoted.extend(Value::from(text.as_ref()).to_string().into_bytes());
        } else {
            quoted.extend_from_slice(token);
        }
        rest = after;
    }
    quoted
}

/// Bytes of the text that a line begins with, both quotes included.
fn text_length(line: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = line.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(line.len(), |end| end + 2)
}

fn shown(text: &str) -> String {
    let text = text.trim();
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    let head: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of a text, and the fields that could not be used.
    fn parsed(text: &str) -> (MetricsLine, Vec<&'static str>) {
        match Line::parse(text.as_bytes()) {
            Some(Line::Object(line, unused)) => {
                (line, unused.into_iter().map(|(field, _)| field).collect())
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn each_field_is_read_by_itself() {
        let usual = MetricsLine {
            event: Some("step".into()),
            step: Some(100),
            epoch: Some(0.25),
            loss: Some(0.7),
            ..MetricsLine::default()
        };
        for text in [
            r#"{"event":"step","step":100,"epoch":0.25,"loss":0.7}"#,
            r#"{"event":"step","step":100.0,"epoch":0.25,"loss":"0.7"}"#,
            r#"{"event":"step","step":"100","epoch":" 2.5e-1 ","loss":7e-1,"own":{"a":[null,{}]},"x":"NaN"}"#,
            r#"{"event":"step","step":1e2,"epoch":0.25,"loss":0.7,"best_step":null,"device":null}"#,
            r#"{"event":"step","step":1,"step":100,"epoch":0.25,"loss":0.7,"own":NaN,"b":-Infinity,"c":1e999}"#,
        ] {
            assert_eq!(parsed(text), (usual.clone(), vec![]), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_costs_no_other_field() {
        let of_loss = |loss: &str| format!(r#"{{"step":100,"loss":{loss},"device":"c\"pu\\"}}"#);
        for loss in [
            "NaN",
            "-Infinity",
            "Infinity",
            "nan",
            "1e999",
            "-1e999",
            "[0.7]",
            "{}",
            "true",
            r#""""#,
            r#""much""#,
            r#""inf""#,
            "0x10",
            ".5.",
            "1_000",
        ] {
            let (line, unused) = parsed(&of_loss(loss));
            assert_eq!((line.step, line.loss), (Some(100), None), "{loss}");
            assert_eq!(line.device.as_deref(), Some("c\"pu\\"), "{loss}");
            assert_eq!(unused, ["loss"], "{loss}");
        }
        for step in [
            "-1",
            "0.5",
            "1e30",
            "18446744073709551615",
            "\"-0.1\"",
            "[]",
        ] {
            let (line, unused) = parsed(&format!(r#"{{"step":{step},"loss":-0.7}}"#));
            assert_eq!((line.step, line.loss), (None, Some(-0.7)), "{step}");
            assert_eq!(unused, ["step"], "{step}");
        }
        let long = "x".repeat(10_000);
        let (line, unused) = parsed(&format!(r#"{{"event":7,"device":"{long}","epoch":1}}"#));
        assert_eq!(
            (line.event, line.device, line.epoch),
            (None, None, Some(1.0))
        );
        assert_eq!(unused, ["event", "device"]);
    }

    #[test]
    fn what_is_no_object_is_said_so() {
        for text in [
            "nonsense",
            "[1]",
            "7",
            "{\"step\": 1",
            "{'step': 1}",
            "{\"step\" 1}",
            "\"\\",
            "{\"a\":\"\\",
        ] {
            let line = Line::parse(text.as_bytes());
            assert_eq!(line, Some(Line::Foreign(text.to_owned())), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(
            Line::parse(format!("{{\"a\":{deep}").as_bytes()),
            Some(Line::Foreign(text)) if text.chars().count() <= SHOWN_CHARS_MAX + 1
        ));
        assert!(matches!(Line::parse(b"\xff\xfe"), Some(Line::Foreign(_))));
        assert_eq!(Line::parse(b" \r\t"), None);
    }
}
