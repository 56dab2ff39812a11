//! Definitions as IDL against the same ones as `.msg`, and against what `rosbags` reads out of the same IDL.

use serde::Deserialize;

use crate::encoding::definition::{Definition, Kind, Scalar};

/// What the definition looks like on the wire, parts in their places. Only for definitions without circles.
fn shape(definition: &Definition, kind: &Kind) -> String {
    match kind {
        Kind::Scalar(scalar) => format!("{scalar:?}").to_lowercase(),
        Kind::Text => "text".to_owned(),
        Kind::WideText => "wide".to_owned(),
        Kind::Enum(_) => "enum".to_owned(),
        Kind::Array(element, count) => format!("[{count}]{}", shape(definition, element)),
        Kind::Sequence(element) => format!("[]{}", shape(definition, element)),
        Kind::Struct(at) => {
            let fields = definition.structs[*at].fields.iter();
            let fields =
                fields.map(|field| format!("{}:{}", field.name, shape(definition, &field.kind)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
    }
}

fn idl(name: &str, text: &str) -> Result<String, String> {
    let definition = Definition::from_ros2idl(name, text.as_bytes())?;
    Ok(shape(&definition, &Kind::Struct(0)))
}

/// Every construct of `rosidl`. `rosbags` 0.11 reads the same out of it, but for two names in one declaration and bounded texts in
/// a sequence, which it does not know.
const EVERYTHING: &str = r#"
#include "other/msg/Part.idl"
#include <other/msg/Part.idl>
/* A comment; with "quotes", { braces } and * stars. */
module my_msgs {
  module msg {
    typedef other::msg::Part other__msg__Part;
    typedef other__msg__Part other__msg__Part__2[2];
    typedef double double__9[9];
    module Everything_Constants {
      const short NEGATIVE = -23;
      const unsigned long SIZE = 4;
      const float PI = 3.14e0;
      const string TEXT = "not a { or a ; \" of the text" "that goes on";
    };
    @verbatim (language="comment", text="it's (nested) text;")
    struct Everything {
      short a, b; // two of them
      @default (value=123)
      unsigned short c;
      @key @range (min=-10, max=(10))
      long d;
      unsigned long e;
      long long f;
      unsigned long long g;
      float h;
      double i;
      char j;
      boolean k;
      octet l;
      int8 m; uint8 n; int16 o; uint16 p; int32 q; uint32 r; int64 s; uint64 t;
      string u;
      string<5> v;
      wstring w;
      wstring<Everything_Constants::SIZE> x;
      sequence<short> y;
      sequence<double, 5> z;
      sequence<string<3>> strings;
      short numbers[3];
      double__9 matrix;
      other__msg__Part__2 parts;
      sequence<::other::msg::Part> more;
      uint8 sized[my_msgs::msg::Everything_Constants::SIZE];
    };
  };
};
================================================================================
IDL: other/msg/Part
module other { module msg { struct Part { float x; float y; }; }; };
"#;

const EVERYTHING_SHAPE: &str = "{a:i16,b:i16,c:u16,d:i32,e:u32,f:i64,g:u64,h:f32,i:f64,j:u8,k:bool,l:u8,m:i8,n:u8,o:i16,p:u16,\
    q:i32,r:u32,s:i64,t:u64,u:text,v:text,w:wide,x:wide,y:[]i16,z:[]f64,strings:[]text,numbers:[3]i16,matrix:[9]f64,\
    parts:[2]{x:f32,y:f32},more:[]{x:f32,y:f32},sized:[4]u8}";

#[test]
fn every_construct_is_read() {
    assert_eq!(
        idl("my_msgs/msg/Everything", EVERYTHING).unwrap(),
        EVERYTHING_SHAPE
    );
    assert_eq!(
        idl("my_msgs/Everything", EVERYTHING).unwrap(),
        EVERYTHING_SHAPE
    );
    let wide = "module p { module msg { enum E { @value(3) A, B }; struct S { wchar a; E b[2][3]; }; }; };";
    assert_eq!(idl("p/msg/S", wide).unwrap(), "{a:u16,b:[2][3]u32}");
}

#[test]
fn stamps_need_no_definition() {
    let text = "module p { module msg { struct S { builtin_interfaces::msg::Time t; ::builtin_interfaces::msg::Duration d; }; }; };";
    assert_eq!(
        idl("p/msg/S", text).unwrap(),
        "{t:{sec:i32,nanosec:u32},d:{sec:i32,nanosec:u32}}"
    );
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let s =
        |members: &str| format!("module p {{ module msg {{\nstruct S {{\n{members} }}; }}; }};");
    for (text, what) in [
        (String::new(), "the definition of `p/msg/S` is missing"),
        (
            s("Other x;"),
            "`p::msg::S`: the definition of `Other` is missing",
        ),
        (
            s("long double x;"),
            "line 3: expected a type that messages have, got `double`",
        ),
        (s("map<string, long> x;"), "got `map`"),
        (s("@optional long x;"), "line 3: expected an annotation"),
        (s("long x[N];"), "expected a whole number, got `N`"),
        (
            s("long x[99999999999999999999999];"),
            "expected a whole number",
        ),
        (s("long x"), "expected `;`"),
        (s("/* long x;"), "line 3: the comment has no end"),
        (s("@a(\"b) long x;"), "line 3: the text has no end"),
        ("module p {".to_owned(), "module `p` has no end"),
        ("}".to_owned(), "expected a declaration"),
        ("import x;".to_owned(), "line 1: expected module, struct"),
        (
            "module p { module msg { typedef A B; typedef B A; struct S { A a; }; }; };".to_owned(),
            "too deep",
        ),
        (
            "module p { module msg { typedef sequence<A> A; struct S { A a; }; }; };".to_owned(),
            "too deep",
        ),
        ("module a {".repeat(1000), "fewer modules"),
        (
            s(&format!(
                "{}long{} x;",
                "sequence<".repeat(100_000),
                ">".repeat(100_000)
            )),
            "fewer sequences",
        ),
        (
            s(&format!("long x{};", "[1]".repeat(1000))),
            "fewer dimensions",
        ),
        ("x".repeat(2 << 20), "expected at most"),
    ] {
        let error = idl("p/msg/S", &text).unwrap_err();
        assert!(error.contains(what), "expected `{what}`, got `{error}`");
    }
}

#[test]
fn structs_that_contain_themselves_are_left_to_the_decoder() {
    let text = "module p { module msg { struct S { sequence<S> s; Q q; }; struct Q { S s; }; }; };";
    let definition = Definition::from_ros2idl("p/msg/S", text.as_bytes()).unwrap();
    assert_eq!(definition.structs.len(), 2);
}

#[test]
fn damaged_texts_do_not_stop_the_program() {
    for at in 0..EVERYTHING.len() {
        if EVERYTHING.is_char_boundary(at) {
            let _ = idl("my_msgs/msg/Everything", &EVERYTHING[..at]);
        }
        let mut flipped = EVERYTHING.as_bytes().to_vec();
        flipped[at] ^= 0x1d;
        let _ = Definition::from_ros2idl("my_msgs/msg/Everything", &flipped);
    }
}

/// A line of `tests/peers/idl_types.py`.
#[derive(Deserialize)]
struct Peer {
    name: String,
    msg: String,
    idl: String,
    shape: String,
}

#[test]
fn all_messages_of_ros_2_are_the_same_as_idl_and_as_msg() {
    let Ok(peers) = std::env::var("DRIVELOOP_PEERS") else {
        eprintln!("skipped: no DRIVELOOP_PEERS");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/idl_types.py");
    let output = std::process::Command::new("python3")
        .arg(script)
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut count = 0;
    for line in lines.lines() {
        let peer: Peer = serde_json::from_str(line).unwrap();
        assert_eq!(
            idl(&peer.name, &peer.idl).unwrap(),
            peer.shape,
            "{}",
            peer.name
        );
        let msg = Definition::from_ros2msg(&peer.name, peer.msg.as_bytes()).unwrap();
        assert_eq!(
            wire(shape(&msg, &Kind::Struct(0))),
            wire(peer.shape),
            "{}",
            peer.name
        );
        count += 1;
    }
    assert!(count > 100, "{count}");
}

/// A message without fields is an octet on the wire, whatever its form calls it.
fn wire(shape: String) -> String {
    let padding = |name: &str, scalar: Scalar| format!("{name}:{scalar:?}").to_lowercase();
    let name = "structure_needs_at_least_one_member";
    shape
        .replace(&padding(name, Scalar::Bool), &padding(name, Scalar::U8))
        .replace(
            &format!("{{{}}}", padding("", Scalar::U8)),
            &format!("{{{}}}", padding(name, Scalar::U8)),
        )
}
