//! Messages and descriptors, byte by byte. What another program writes is read in `tests/it/foxglove.rs`.

use super::*;
use crate::encoding::rows::Slots;
use crate::encoding::wants::{MESSAGE, Wants};

const DOUBLE: u64 = 1;
const INT64: u64 = 3;
const UINT64: u64 = 4;
const INT32: u64 = 5;
const TEXT: u64 = 9;
const MESSAGE_TYPE: u64 = 11;
const OCTETS: u64 = 12;
const ENUM: u64 = 14;
const SFIXED32: u64 = 15;
const SINT32: u64 = 17;

const ONE: u64 = 1;
const MANY: u64 = 3;

fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn varint(field: u64, value: u64) -> Vec<u8> {
    [number(field << 3), number(value)].concat()
}

fn counted(field: u64, bytes: &[u8]) -> Vec<u8> {
    let head = [number(field << 3 | 2), number(bytes.len() as u64)];
    [&head.concat(), bytes].concat()
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [number(field << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

/// A field: name, number, label, type, name of the type, and what else the descriptor says.
fn field(name: &str, at: u64, label: u64, value: u64, type_name: &str, more: &[u8]) -> Vec<u8> {
    let parts = [
        counted(1, name.as_bytes()),
        varint(3, at),
        varint(4, label),
        varint(5, value),
        counted(6, type_name.as_bytes()),
        more.to_vec(),
    ];
    counted(2, &parts.concat())
}

fn message(name: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let body = [counted(1, name.as_bytes()), fields.concat()].concat();
    counted(4, &body)
}

fn enumeration(name: &str, values: &[(&str, i64)]) -> Vec<u8> {
    let value = |(name, value): &(&str, i64)| {
        let body = [counted(1, name.as_bytes()), varint(2, *value as u64)].concat();
        counted(2, &body)
    };
    let values: Vec<u8> = values.iter().flat_map(value).collect();
    counted(5, &[counted(1, name.as_bytes()), values].concat())
}

fn set(syntax: &str, types: &[Vec<u8>]) -> Vec<u8> {
    let parts = [
        counted(2, b"my.pkg"),
        types.concat(),
        counted(12, syntax.as_bytes()),
    ];
    counted(1, &parts.concat())
}

/// A message type with a field of each kind.
fn thing() -> Vec<u8> {
    let oneof = varint(9, 0);
    let fields = [
        field("x", 1, ONE, DOUBLE, "", &[]),
        field("small", 2, ONE, INT32, "", &[]),
        field("folded", 3, ONE, SINT32, "", &[]),
        field("fixed", 4, ONE, SFIXED32, "", &[]),
        field("large", 5, ONE, UINT64, "", &[]),
        field("name", 6, ONE, TEXT, "", &[]),
        field("data", 7, ONE, OCTETS, "", &[]),
        field("state", 8, ONE, ENUM, ".my.pkg.State", &[]),
        field("values", 9, MANY, DOUBLE, "", &[]),
        field("inner", 10, ONE, MESSAGE_TYPE, ".my.pkg.Inner", &[]),
        field("inners", 11, MANY, MESSAGE_TYPE, ".my.pkg.Inner", &[]),
        field("maybe", 12, ONE, DOUBLE, "", &oneof),
        field("self", 13, ONE, MESSAGE_TYPE, ".my.pkg.Thing", &[]),
        field(
            "stamp",
            14,
            ONE,
            MESSAGE_TYPE,
            ".google.protobuf.Timestamp",
            &[],
        ),
        field("lost", 15, ONE, MESSAGE_TYPE, ".my.pkg.NotThere", &[]),
    ];
    let inner = [
        field("id", 1, ONE, INT64, "", &[]),
        field("tags", 2, MANY, TEXT, "", &[]),
    ];
    let states = [("OFF", 0), ("ON", 3), ("ALSO_ON", 3), ("BAD", -1)];
    set(
        "proto3",
        &[
            message("Thing", &fields),
            message("Inner", &inner),
            enumeration("State", &states),
        ],
    )
}

fn defined(set: &[u8]) -> (Definition, Numbered) {
    definition("my.pkg.Thing", set, &Limits::default()).unwrap()
}

fn inner(id: u64, tags: &[&str]) -> Vec<u8> {
    let tags: Vec<u8> = tags
        .iter()
        .flat_map(|tag| counted(2, tag.as_bytes()))
        .collect();
    [varint(1, id), tags].concat()
}

/// A thing with fields out of their order, and one of a later version.
fn written() -> Vec<u8> {
    let packed: Vec<u8> = [1.5_f64, 2.5]
        .into_iter()
        .flat_map(f64::to_le_bytes)
        .collect();
    [
        double(1, -0.25),
        varint(2, (-7_i64) as u64),
        varint(3, 9),
        [number(4 << 3 | 5), (-2_i32).to_le_bytes().to_vec()].concat(),
        varint(5, u64::MAX),
        counted(11, &inner(1, &["a", "bc"])),
        counted(6, "Zoë".as_bytes()),
        counted(9, &packed),
        counted(7, &[0, 255, 7]),
        counted(11, &inner(2, &[])),
        varint(8, 3),
        double(9, 3.5),
        counted(10, &inner(5, &["not wanted"])),
        counted(11, &inner(3, &["d"])),
        double(12, 0.5),
        counted(14, &varint(1, 1_750_000_000)),
        counted(99, b"of a later version"),
    ]
    .concat()
}

#[test]
fn each_type_is_read_as_it_is_written() {
    let (definition, numbered) = defined(&thing());
    let mut wants = Wants::new(&definition);
    let paths = ["x", "small", "folded", "fixed", "large", "maybe", "state"];
    let numbers = paths.map(|path| wants.number(MESSAGE, path).unwrap());
    let large = wants.integer(MESSAGE, "large").unwrap();
    let name = wants.text(MESSAGE, "name").unwrap();
    let data = wants.bytes(MESSAGE, "data").unwrap();
    let state = wants.number_name(MESSAGE, "state").unwrap();
    let values = wants.list(MESSAGE, "values").unwrap();
    let value = wants.number(values.scope, "").unwrap();
    let inners = wants.list(MESSAGE, "inners").unwrap();
    let id = wants.integer(inners.scope, "id").unwrap();
    let tags = wants.list(inners.scope, "tags").unwrap();
    let tag = wants.text(tags.scope, "").unwrap();
    let inner_id = wants.integer(MESSAGE, "inner.id").unwrap();
    let seconds = wants.integer(MESSAGE, "stamp.seconds").unwrap();
    assert!(wants.number(MESSAGE, "lost.x").is_err());
    let program = Program::compile(&wants, &numbered).unwrap();

    let bytes = written();
    let mut slots = Slots::default();
    let row = program.run(&bytes, &Limits::default(), &mut slots).unwrap();
    let actual = numbers.map(|slot| row.number(slot));
    assert_eq!(actual, [-0.25, -7.0, -5.0, -2.0, u64::MAX as f64, 0.5, 3.0]);
    assert_eq!(row.integer(large), i64::MAX);
    assert_eq!((row.text(name), row.text(state)), ("Zoë", "ON"));
    assert_eq!(row.bytes(data), [0, 255, 7]);
    let of_values: Vec<f64> = row.list(values).map(|row| row.number(value)).collect();
    assert_eq!(of_values, [1.5, 2.5, 3.5]);
    let of_inners: Vec<(i64, Vec<&str>)> = row
        .list(inners)
        .map(|row| {
            let tags = row.list(tags).map(|row| row.text(tag));
            (row.integer(id), tags.collect())
        })
        .collect();
    assert_eq!(
        of_inners,
        [(1, vec!["a", "bc"]), (2, vec![]), (3, vec!["d"])]
    );
    assert_eq!(
        (row.integer(inner_id), row.integer(seconds)),
        (5, 1_750_000_000)
    );
    // The next message begins anew.
    let row = program.run(&[], &Limits::default(), &mut slots).unwrap();
    assert_eq!(row.list(inners).len() + row.list(values).len(), 0);
    assert_eq!((row.text(name), row.text(state)), ("", "OFF"));
    assert_eq!(row.number(numbers[0]), 0.0);
    assert!(
        row.number(numbers[5]).is_nan(),
        "a member of a oneof is absent"
    );
}

#[test]
fn defaults_are_those_of_the_descriptor() {
    let default = |text: &str| counted(7, text.as_bytes());
    let fields = [
        field("a", 1, ONE, DOUBLE, "", &default("2.5")),
        field("b", 2, ONE, ENUM, ".my.pkg.State", &default("ON")),
        field("c", 3, ONE, TEXT, "", &default("none")),
        field("d", 4, ONE, INT32, "", &[]),
    ];
    let states = [("OFF", 0), ("ON", 3)];
    let set = set(
        "",
        &[message("Thing", &fields), enumeration("State", &states)],
    );
    let (definition, numbered) = defined(&set);
    let mut wants = Wants::new(&definition);
    let [a, b, d] = ["a", "b", "d"].map(|path| wants.number(MESSAGE, path).unwrap());
    let [c, name] = ["c", "b"].map(|path| wants.text(MESSAGE, path).unwrap());
    let program = Program::compile(&wants, &numbered).unwrap();
    let mut slots = Slots::default();
    let row = program.run(&[], &Limits::default(), &mut slots).unwrap();
    assert_eq!((row.number(a), row.number(b)), (2.5, 3.0));
    assert_eq!((row.text(c), row.text(name)), ("none", "ON"));
    assert!(row.number(d).is_nan());
    let message = counted(3, b"one");
    let row = program
        .run(&message, &Limits::default(), &mut slots)
        .unwrap();
    assert_eq!(row.text(c), "one");
}

#[test]
fn a_type_within_itself_costs_only_what_is_wanted() {
    let (definition, numbered) = defined(&thing());
    let mut wants = Wants::new(&definition);
    let x = wants.number(MESSAGE, "self.self.x").unwrap();
    let program = Program::compile(&wants, &numbered).unwrap();
    let mut nested = double(1, 4.0);
    for _ in 0..5_000 {
        nested = counted(13, &nested);
    }
    let limits = Limits::default();
    let mut slots = Slots::default();
    let row = program.run(&nested, &limits, &mut slots).unwrap();
    assert_eq!(row.number(x), 0.0);
    let twice = counted(13, &counted(13, &double(1, 4.0)));
    assert_eq!(
        program.run(&twice, &limits, &mut slots).unwrap().number(x),
        4.0
    );
    // The numbers of a type within itself are those of one of them.
    let paths = Wants::new(&definition).numbers(&limits);
    assert!(paths.contains(&"inner.id".to_owned()), "{paths:?}");
    assert!(
        !paths.iter().any(|path| path.starts_with("self")),
        "{paths:?}"
    );
}

#[test]
fn what_is_damaged_is_named() {
    let (definition, numbered) = defined(&thing());
    let mut wants = Wants::new(&definition);
    let name = wants.text(MESSAGE, "name").unwrap();
    wants.number(MESSAGE, "x").unwrap();
    wants.number(MESSAGE, "inner.id").unwrap();
    let inners = wants.list(MESSAGE, "inners").unwrap();
    wants.integer(inners.scope, "id").unwrap();
    let program = Program::compile(&wants, &numbered).unwrap();
    let limits = Limits::default();
    let mut slots = Slots::default();
    let mut error = |bytes: &[u8]| program.run(bytes, &limits, &mut slots).err();
    for (bytes, expected) in [
        (
            varint(1, 7),
            "at byte 0: expected 8 bytes for the field `x`, got a varint",
        ),
        (
            counted(6, &[b'a', 0xff]),
            "at byte 3: expected a text in UTF-8 for the field `name`, got other bytes",
        ),
        (
            counted(10, &double(1, 1.0)),
            "at byte 2: expected a varint for the field `inner.id`, got 8 bytes",
        ),
        (
            varint(10, 1),
            "at byte 0: expected counted bytes for the field `inner`, got a varint",
        ),
        (vec![0x09, 1, 2], "at byte 1: expected 8 bytes, got 2"),
        (vec![0x32, 9, b'a'], "at byte 2: expected 9 bytes, got 1"),
        (
            vec![0x0e],
            "at byte 0: expected the number and wire type of a field, got 14",
        ),
    ] {
        assert_eq!(error(&bytes).as_deref(), Some(expected));
    }
    let whole = [
        double(1, 1.0),
        counted(6, b"name"),
        counted(11, &inner(2, &["t"])),
    ]
    .concat();
    for length in 0..whole.len() {
        // A message may end behind any of its fields.
        let is_boundary = [0, 9, 15].contains(&length);
        assert_eq!(error(&whole[..length]).is_none(), is_boundary, "{length}");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(row) = program.run(&flipped, &limits, &mut Slots::default()) {
                assert!(row.text(name).len() < whole.len());
            }
        }
    }
}

#[test]
fn values_are_bounded() {
    let (definition, numbered) = defined(&thing());
    let mut wants = Wants::new(&definition);
    let inners = wants.list(MESSAGE, "inners").unwrap();
    wants.integer(inners.scope, "id").unwrap();
    let program = Program::compile(&wants, &numbered).unwrap();
    let limits = Limits {
        message_values_max: 1000,
        ..Limits::default()
    };
    let many = counted(11, &[]).repeat(1001);
    let mut slots = Slots::default();
    let error = program.run(&many, &limits, &mut slots).unwrap_err();
    assert!(error.contains("message_values_max"), "{error}");
    assert!(program.run(&many[2..], &limits, &mut slots).is_ok());
}

#[test]
fn a_set_without_the_type_is_named_and_a_damaged_one_no_panic() {
    let limits = Limits::default();
    let whole = thing();
    let error = definition("my.pkg.Other", &whole, &limits).unwrap_err();
    assert_eq!(
        error,
        "expected the descriptor of the message type `my.pkg.Other`, got a set of 3 other types"
    );
    assert!(definition("my.pkg.State", &whole, &limits).is_err());
    let error = definition("my.pkg.Thing", &whole[..40], &limits).unwrap_err();
    assert!(
        error.starts_with("the descriptor is damaged: at byte"),
        "{error}"
    );
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0xff;
        if let Ok((definition, numbered)) = definition("my.pkg.Thing", &flipped, &limits) {
            let wants = Wants::new(&definition);
            wants.numbers(&limits);
            Program::compile(&wants, &numbered).unwrap();
        }
    }
}

#[test]
fn types_fields_and_their_search_are_bounded() {
    let many: Vec<Vec<u8>> = (0..30_000)
        .map(|k| message(&format!("M{k}"), &[]))
        .collect();
    let error = definition("my.pkg.M1", &set("proto3", &many), &Limits::default()).unwrap_err();
    assert!(error.contains("definition_steps_max"), "{error}");
    // Each level has the next one fifty times: no search ends that goes into each.
    let level = |level: usize| {
        let next = format!(".my.pkg.L{}", level + 1);
        let fields: Vec<Vec<u8>> = (1..=50)
            .map(|k| field(&format!("f{k}"), k, ONE, MESSAGE_TYPE, &next, &[]))
            .collect();
        message(&format!("L{level}"), &fields)
    };
    let mut levels: Vec<Vec<u8>> = (0..14).map(level).collect();
    levels.push(message("L14", &[field("text", 1, ONE, TEXT, "", &[])]));
    let set = set("proto3", &levels);
    let (definition, _) = definition("my.pkg.L0", &set, &Limits::default()).unwrap();
    let paths = Wants::new(&definition).numbers(&Limits::default());
    assert!(paths.is_empty());
}
