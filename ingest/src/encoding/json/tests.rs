//! Messages and schemas of JSON. What another program writes is read in `tests/it/foxglove.rs`.

use super::*;
use crate::encoding::definition::{Enumeration, Scalar};
use crate::encoding::rows::Slots;
use crate::encoding::wants::{MESSAGE, Wants};

const SCHEMA: &str = r##"{
    "title": "my.Thing", "type": "object", "$defs": {
        "tree": {"type": "object", "properties": {"v": {"type": "number"}, "below": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}},
        "turns": {"type": "array", "items": {"$ref": "#/$defs/turns"}}
    },
    "properties": {
        "timestamp": {"type": "object", "title": "time", "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}}},
        "x": {"type": "number"}, "n": {"type": ["integer", "null"]}, "ok": {"type": "boolean"},
        "name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "data": {"type": "string", "contentEncoding": "base64"},
        "state": {"title": "State", "oneOf": [{"title": "OFF", "const": 0}, {"title": "ON", "const": 2}]},
        "list": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}, "v": {"type": "number"}}}},
        "tree": {"$ref": "#/$defs/tree"}, "turns": {"$ref": "#/$defs/turns"},
        "any": {}, "either": {"oneOf": [{"type": "string"}, {"type": "number"}]}
    }
}"##;

fn defined(schema: &str) -> Definition {
    of_schema(schema.as_bytes(), &Limits::default())
        .unwrap()
        .unwrap()
}

#[test]
fn a_schema_says_what_fields_hold() {
    let definition = defined(SCHEMA);
    let kind = |name: &str| {
        let mut fields = definition.structs[0].fields.iter();
        fields
            .find(|field| field.name == name)
            .unwrap()
            .kind
            .clone()
    };
    assert_eq!(kind("x"), Kind::Scalar(Scalar::F64));
    assert_eq!(kind("n"), Kind::Scalar(Scalar::I64));
    assert_eq!(kind("name"), Kind::Text);
    assert_eq!(
        kind("data"),
        Kind::Sequence(Box::new(Kind::Scalar(Scalar::U8)))
    );
    let names = vec![(0, "OFF".to_owned()), (2, "ON".to_owned())];
    assert_eq!(definition.enums, [Enumeration { names }]);
    assert_eq!(kind("state"), Kind::Enum(0));
    let mut wants = Wants::new(&definition);
    let tree = wants.list(MESSAGE, "tree.below").unwrap();
    let below = wants.list(tree.scope, "below").unwrap();
    assert!(wants.number(below.scope, "v").is_ok());
    for unknown in ["any", "either", "turns", "any.x"] {
        assert!(wants.number(MESSAGE, unknown).is_err(), "{unknown}");
    }
    let paths = Wants::new(&definition).numbers(&Limits::default());
    assert!(paths.contains(&"tree.v".to_owned()), "{paths:?}");
}

#[test]
fn a_schema_without_fields_leaves_it_to_the_message() {
    for text in [
        "",
        " ",
        "{}",
        r#"{"type": "object"}"#,
        r#"{"type": "number"}"#,
    ] {
        assert_eq!(of_schema(text.as_bytes(), &Limits::default()), Ok(None));
    }
    let error = of_schema(b"{\"type\"", &Limits::default()).unwrap_err();
    assert!(
        error.starts_with("expected a JSON schema, got other text"),
        "{error}"
    );
    let large = vec![b' '; 2 << 20];
    let error = of_schema(&large, &Limits::default()).unwrap_err();
    assert!(error.contains("json_record_bytes_max"), "{error}");
}

#[test]
fn the_wanted_values_are_those_that_were_written() {
    let definition = defined(SCHEMA);
    let mut wants = Wants::new(&definition);
    let sec = wants.integer(MESSAGE, "timestamp.sec").unwrap();
    let [x, n, ok, state] =
        ["x", "n", "ok", "state"].map(|path| wants.number(MESSAGE, path).unwrap());
    let whole = wants.wide_integer(MESSAGE, "n").unwrap();
    let named = wants.number_name(MESSAGE, "state").unwrap();
    let name = wants.text(MESSAGE, "name").unwrap();
    let data = wants.bytes(MESSAGE, "data").unwrap();
    let list = wants.list(MESSAGE, "list").unwrap();
    let id = wants.text(list.scope, "id").unwrap();
    let v = wants.number(list.scope, "v").unwrap();
    let program = Program::compile(&wants).unwrap();
    let limits = Limits::default();
    let mut slots = Slots::default();
    let message = r#"{"any": [[{"x": 1}]], "x": 1e3, "n": 9007199254740993, "ok": true, "state": 2, "name": "Zo\u00eb\n",
        "data": "AP8H", "list": [{"id": "a", "v": -0.5}, {"v": "NaN", "id": "b", "more": {}}, {"id": "c"}],
        "timestamp": {"sec": 7, "nsec": 1}}"#;
    let row = program
        .run(message.as_bytes(), &limits, &mut slots)
        .unwrap();
    assert_eq!((row.number(x), row.integer(sec)), (1000.0, 7));
    assert_eq!(row.integer(whole), 9_007_199_254_740_993);
    assert!(row.is_true(ok));
    assert_eq!((row.number(state), row.text(named)), (2.0, "ON"));
    assert_eq!(
        (row.text(name), row.bytes(data)),
        ("Zoë\n", &[0, 255, 7][..])
    );
    let elements: Vec<(&str, f64)> = row
        .list(list)
        .map(|row| (row.text(id), row.number(v)))
        .collect();
    assert_eq!(elements[0], ("a", -0.5));
    assert_eq!(
        (elements[1].0, elements[2].0, elements.len()),
        ("b", "c", 3)
    );
    assert!(elements[1].1.is_nan() && elements[2].1.is_nan());
    // What is absent or null is no number; of a name that comes twice the last holds.
    let message = br#"{"x": null, "list": [{"id": "a"}], "data": "AA", "list": [{"id": "z"}]}"#;
    let row = program.run(message, &limits, &mut slots).unwrap();
    assert!(row.number(x).is_nan() && row.number(n).is_nan() && !row.is_true(ok));
    assert_eq!(
        (row.integer(sec), row.text(name), row.bytes(data)),
        (0, "", &[0][..])
    );
    assert_eq!(
        row.list(list).map(|row| row.text(id)).collect::<Vec<_>>(),
        ["z"]
    );
}

#[test]
fn what_is_damaged_is_named() {
    let definition = defined(SCHEMA);
    let mut wants = Wants::new(&definition);
    wants.number(MESSAGE, "x").unwrap();
    wants.integer(MESSAGE, "timestamp.sec").unwrap();
    wants.text(MESSAGE, "name").unwrap();
    wants.bytes(MESSAGE, "data").unwrap();
    let list = wants.list(MESSAGE, "list").unwrap();
    wants.number(list.scope, "v").unwrap();
    let program = Program::compile(&wants).unwrap();
    let limits = Limits {
        message_values_max: 2,
        ..Limits::default()
    };
    let mut slots = Slots::default();
    for (message, expected) in [
        (
            r#"{"x": "1"}"#,
            "expected a number at `x`, got a text at line 1 column 9",
        ),
        (
            r#"{"x": true}"#,
            "expected a number at `x`, got a truth value at line 1 column 10",
        ),
        (r#"{"x": [1]}"#, "expected a number at `x`, got a list"),
        (r#"{"name": 1}"#, "expected a text at `name`, got a number"),
        (
            r#"{"timestamp": 5}"#,
            "expected an object at `timestamp`, got a number",
        ),
        (
            r#"{"timestamp": {"sec": 1.5}}"#,
            "expected a whole number at `timestamp.sec`, got a number with digits behind the point",
        ),
        (
            r#"{"data": "?"}"#,
            "expected octets in base64 at `data`, got other text",
        ),
        (
            r#"{"list": [{"v": 1}, {"v": {}}]}"#,
            "expected a number at `list.v`, got an object",
        ),
        (r#"{"list": [{}, {}, {}]}"#, "message_values_max"),
        (r"[]", "expected an object at `$`, got a list"),
        (r#"{"x": NaN}"#, "line 1 column 7"),
        (r#"{"x": 1"#, "EOF"),
        (r#"{"x": 1} 2"#, "trailing"),
        ("", "EOF"),
    ] {
        let error = program
            .run(message.as_bytes(), &limits, &mut slots)
            .unwrap_err();
        assert!(error.contains(expected), "{message}: {error}");
    }
    // Depth that nobody asked for costs nothing, and neither does one that is asked for.
    let deep = format!(
        "{{\"any\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(program.run(deep.as_bytes(), &limits, &mut slots).is_ok());
}

#[test]
fn the_first_message_says_what_fields_hold() {
    let message =
        br#"{"a": 1, "b": {"c": 2.5, "d": [{"e": "f"}], "g": []}, "h": null, "i": false}"#;
    let limits = Limits::default();
    let definition = of_message(message, &limits).unwrap();
    let mut wants = Wants::new(&definition);
    assert!(wants.integer(MESSAGE, "a").is_ok() && wants.number(MESSAGE, "b.c").is_ok());
    let list = wants.list(MESSAGE, "b.d").unwrap();
    assert!(wants.text(list.scope, "e").is_ok());
    assert!(wants.list(MESSAGE, "b.g").is_ok() && wants.number(MESSAGE, "h").is_err());
    assert_eq!(wants.numbers(&limits), ["a", "b.c", "i"]);
    for message in [&b"null"[..], b"5", b"[{}]", b"{", b"{} {}"] {
        assert!(of_message(message, &limits).is_err());
    }
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let definition = of_message(deep.as_bytes(), &limits).unwrap();
    assert!(definition.structs.len() <= limits.depth_max + 1);
    let deeper = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(of_message(deeper.as_bytes(), &limits).is_ok());
    let long = format!("{{\"{}\": 1, \"a\": 2}}", "k".repeat(300));
    let definition = of_message(long.as_bytes(), &limits).unwrap();
    assert_eq!(Wants::new(&definition).numbers(&limits), ["a"]);
    let wide: Vec<String> = (0..30_000).map(|k| format!("\"f{k}\": 0")).collect();
    let error = of_message(format!("{{{}}}", wide.join(",")).as_bytes(), &limits).unwrap_err();
    assert!(error.contains("definition_steps_max"), "{error}");
}
