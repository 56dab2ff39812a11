//! Messages as another library writes them.

use re_cdr::{ByteOrder, CdrWriter};

use super::*;
use crate::encoding::definition::Definition;
use crate::encoding::wants::Wants;

const TEXT: &str = "std_msgs/Header header\nItem[] items\nuint8[] data\nfloat64[3] xyz\nuint8[4] uuid\nbool last\n\
    ================\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
    ================\nMSG: my_msgs/Item\nint16 a\nbool b\nfloat64[] more\nPart[] parts\n\
    ================\nMSG: my_msgs/Part\nstring name\nfloat32 share\n";

fn message<B: ByteOrder>(encapsulation: u8) -> Vec<u8> {
    let mut body = Vec::new();
    let mut w = CdrWriter::<B>::new(&mut body);
    w.write_i32(-12);
    w.write_u32(34);
    w.write_string("map");
    w.write_sequence_length(2);
    for (a, b, more, parts) in [(-5, true, 0, 2), (7, false, 3, 1)] {
        w.write_i16(a);
        w.write_bool(b);
        w.write_sequence_length(more);
        (0..more).for_each(|k| w.write_f64(k as f64));
        w.write_sequence_length(parts);
        for part in 0..parts {
            w.write_string(&format!("part-{a}-{part}"));
            w.write_f32(0.25 * part as f32);
        }
    }
    w.write_bytes(&[1, 2, 3]);
    for x in [0.5, 1.5, 2.5] {
        w.write_f64(x);
    }
    (4..8).for_each(|byte| w.write_u8(byte));
    w.write_bool(true);
    [&[0, encapsulation, 0, 0], body.as_slice()].concat()
}

fn definition() -> Definition {
    Definition::from_ros2msg("my_msgs/msg/Thing", TEXT.as_bytes()).unwrap()
}

#[test]
fn the_wanted_values_are_those_that_were_written() {
    let definition = definition();
    let mut wants = Wants::new(&definition);
    let sec = wants.integer(MESSAGE, "header.stamp.sec").unwrap();
    let frame = wants.text(MESSAGE, "header.frame_id").unwrap();
    let items = wants.list(MESSAGE, "items").unwrap();
    let a = wants.number(items.scope, "a").unwrap();
    let b = wants.truth(items.scope, "b").unwrap();
    let parts = wants.list(items.scope, "parts").unwrap();
    let name = wants.text(parts.scope, "name").unwrap();
    let share = wants.number(parts.scope, "share").unwrap();
    let more = wants.list(items.scope, "more").unwrap();
    let each = wants.number(more.scope, "").unwrap();
    let data = wants.bytes(MESSAGE, "data").unwrap();
    let y = wants.number(MESSAGE, "xyz.1").unwrap();
    let uuid = wants.bytes(MESSAGE, "uuid").unwrap();
    let last = wants.truth(MESSAGE, "last").unwrap();
    let program = Programs::compile(&wants, Wire::Cdr, &Limits::default()).unwrap();
    let mut slots = Slots::default();
    let messages = [
        message::<re_cdr::BigEndian>(0),
        message::<re_cdr::LittleEndian>(1),
    ];
    for message in messages {
        let row = program
            .run(&message, &Limits::default(), &mut slots)
            .unwrap();
        assert_eq!((row.integer(sec), row.text(frame)), (-12, "map"));
        let items: Vec<_> = row
            .list(items)
            .map(|item| {
                let parts: Vec<_> = item
                    .list(parts)
                    .map(|part| (part.text(name).to_owned(), part.number(share)))
                    .collect();
                let more: f64 = item.list(more).map(|value| value.number(each)).sum();
                (item.number(a), item.number(b), parts, more)
            })
            .collect();
        let part = |name: &str, share: f64| (name.to_owned(), share);
        let first = vec![part("part--5-0", 0.0), part("part--5-1", 0.25)];
        assert_eq!(items[0], (-5.0, 1.0, first, 0.0));
        assert_eq!(items[1], (7.0, 0.0, vec![part("part-7-0", 0.0)], 3.0));
        assert_eq!(row.bytes(data), [1, 2, 3]);
        assert_eq!((row.number(y), row.number(last)), (1.5, 1.0));
        assert_eq!(row.bytes(uuid), [4, 5, 6, 7]);
    }
}

#[test]
fn a_message_cut_anywhere_is_an_error_and_one_flipped_no_panic() {
    let definition = definition();
    let mut wants = Wants::new(&definition);
    let data = wants.bytes(MESSAGE, "data").unwrap();
    let program = Programs::compile(&wants, Wire::Cdr, &Limits::default()).unwrap();
    let message = message::<re_cdr::LittleEndian>(1);
    let mut slots = Slots::default();
    for length in 0..message.len() {
        let error = program.run(&message[..length], &Limits::default(), &mut slots);
        let error = error.unwrap_err();
        assert!(
            error.contains("expected") && error.contains("got"),
            "{error}"
        );
    }
    for at in 0..message.len() {
        let mut flipped = message.clone();
        flipped[at] ^= 0xff;
        if let Ok(row) = program.run(&flipped, &Limits::default(), &mut slots) {
            assert!(row.bytes(data).len() < flipped.len());
        }
    }
}

#[test]
fn depth_size_and_counts_are_bounded() {
    let compile = |text: &str| {
        let definition = Definition::from_ros2msg("p/msg/Root", text.as_bytes()).unwrap();
        Programs::compile(&Wants::new(&definition), Wire::Cdr, &Limits::default())
    };
    let cycle = "A a\n================\nMSG: p/A\nA[] a\n";
    assert!(compile(cycle).unwrap_err().contains("cycle"));
    // Each level has the next one eight times: 8^15 fields.
    let mut wide = "L0 a\n".to_owned();
    for level in 0..15 {
        wide += &format!("================\nMSG: p/L{level}\n");
        (0..8).for_each(|k| wide += &format!("L{} f{k}\n", level + 1));
    }
    wide += "================\nMSG: p/L15\nfloat64 x\nstring y\n";
    let error = compile(&wide).unwrap_err();
    assert!(error.contains("definition_steps_max") || error.contains("depth_max"));
    let list = compile("A[] a\n================\nMSG: p/A\nstring s\n").unwrap();
    let mut slots = Slots::default();
    let hostile = [0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff];
    let error = list
        .run(&hostile, &Limits::default(), &mut slots)
        .unwrap_err();
    assert!(error.contains("4294967295 elements"), "{error}");
    let few = Limits {
        message_values_max: 2,
        ..Limits::default()
    };
    let three = [&[0, 1, 0, 0, 3, 0, 0, 0], [0; 12].as_slice()].concat();
    assert!(list.run(&three, &Limits::default(), &mut slots).is_ok());
    let error = list.run(&three, &few, &mut slots).unwrap_err();
    assert!(error.contains("too many"), "{error}");
}
