//! Databases with statements that are odd or wrong: what is wrong costs what it says, and no more.
//!
//! The frame and its values are those of cantools, which reads the plain form: `Volt` 820.8000000000001 and `Curr` 6166.0 of
//! `1020304050607080`.

use driveloop_ingest::{CanDatabase, Loss};

use crate::shared;

const FRAME: [u8; 8] = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80];
const VOLT: f64 = 820.800_000_000_000_1;
const CURR: f64 = 6166.0;
const HEAD: &str =
    "VERSION \"\"\n\nNS_ :\n\tCM_\n\tBA_DEF_\n\tSIG_VALTYPE_\n\nBS_:\n\nBU_: ECU ABS_\n\n";
const BMS: &str = "BO_ 341 BMS: 8 ECU\n SG_ Volt : 0|16@1+ (0.1,0) [0|0] \"V\" ECU\n SG_ Curr : 23|16@0- (0.5,-10) [0|0] \"A\" ECU\n";

fn parse(text: &str) -> CanDatabase {
    CanDatabase::parse("x.dbc", text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Name and value of what a frame of the identifier gives.
fn values(database: &CanDatabase, can_id: u32) -> Vec<(String, f64)> {
    let values = database.decode(can_id, can_id > 0x7ff, &FRAME);
    values
        .map(|value| (value.name.to_owned(), value.value))
        .collect()
}

/// Line, subject and loss of each fault.
fn faults(database: &CanDatabase) -> Vec<(usize, &str, Loss)> {
    let faults = database.faults();
    faults
        .map(|fault| (fault.line, fault.subject.as_str(), fault.loss))
        .collect()
}

fn both() -> Vec<(String, f64)> {
    vec![("BMS.Volt".to_owned(), VOLT), ("BMS.Curr".to_owned(), CURR)]
}

#[test]
fn odd_forms_that_say_all_are_read_without_a_fault() {
    let in_one_line = BMS.replace("\n SG_", " SG_");
    for text in [
        format!("{HEAD}{BMS}"),
        BMS.to_owned(),
        format!("{HEAD}{BMS}")
            .replace('\n', "\r\n")
            .replace(" SG_", "\tSG_"),
        format!("\u{feff}{HEAD}{BMS}"),
        format!("{HEAD}{BMS}").replace("BS_:", "BS_: 500000 : 0,0"),
        format!("{HEAD}{BMS}").replace("BU_: ECU ABS_", "BU_:"),
        format!("{HEAD}{in_one_line}"),
        BMS.replace("Volt :", "Volt        :  ")
            .replace("BMS:", "BMS :"),
        BMS.replace("BMS: 8 ECU", "BMS 8"),
        BMS.replace(
            ": 0|16@1+ (0.1,0) [0|0] \"V\" ECU",
            ":0|16@1+(0.1,0)[0|0]\"V\"ECU",
        ),
        BMS.replace(" \"V\" ECU", "")
            .replace(" [0|0] \"A\" ECU", " "),
        BMS.replace("@1+", " @ 1 +").replace("BO_ 341", "BO_ 0x155"),
        BMS.replace("(0.1,0)", "(1E-01,0.0E+00)")
            .replace("(0.5,-10)", "(+.5,-1.E1)"),
        BMS.replace("[0|0] \"V\" ECU", "[0|0]\n  \"V\" ECU,\n  ABS,Other"),
        format!("// by hand\n{BMS} //SG_ Old : 40|8@1+ (1,0) [0|0] \"\" ECU\n"),
        format!("CM_ \"a tool\"\n{BMS}"),
        format!(
            "CM_ \"a tool\";\n{BMS}VAL_ 341 Volt 9 \"NINE\" 1 \"ONE\" ;\nBO_ 342 Other: 8 ECU\n"
        ),
        format!(
            "{BMS}CM_ SG_ 341 Volt \"0x1 = on;\nBO_ 341 Not: 1 ECU\nend\";\nCM_ BO_ 341 \"with \\\" quotes\";"
        ),
        format!("{BMS}CM_ BO_ 341 \"he said \"yes\" to it\";\nCM_ BU_ ECU \"path C:\\dir\\\";\n"),
        format!(
            "{BMS}BO_ 343 Marker: 0 ECU\nBO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 X\n SG_ L : 0|8@1+ (1,0) [0|0] \"\" X\n"
        ),
        format!(
            "{BMS}BA_DEF_ BO_ \"Cycle\" INT 0 9;\nBA_ \"Cycle\" BO_ 341 9;\nSIG_GROUP_ 341 Both 1 : Volt Curr;\nEV_ E: 0 [0|0] \"\" 0 1 DUMMY_NODE_VECTOR0 ECU;\n"
        ),
        // A message that comes twice in the same form contradicts nothing.
        format!("{BMS}{BMS}"),
    ] {
        let database = parse(&text);
        assert_eq!(values(&database, 341), both(), "{text}");
        assert_eq!(faults(&database), [], "{text}");
    }
}

#[test]
fn every_encoding_gives_the_same_units() {
    let text = BMS.replace("\"V\"", "\"°C\"");
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [
        text.clone().into_bytes(),
        latin.clone(),
        [b"\xef\xbb\xbf".as_slice(), &latin].concat(),
        [b"\xff\xfe".as_slice(), &utf16].concat(),
        [latin.as_slice(), "CM_ \"grün\";\n".as_bytes()].concat(),
    ] {
        let database = CanDatabase::parse("x.dbc", &bytes).unwrap();
        let first = database.decode(341, false, &FRAME).next().unwrap();
        assert_eq!((first.unit, first.value), (Some("°C"), VOLT));
    }
}

#[test]
fn what_is_wrong_costs_itself_and_is_named() {
    let other = "BO_ 342 Other: 8 ECU\n SG_ X : 0|8@1+ (1,0) [0|0] \"\" ECU\n";
    for (text, lost) in [
        (
            format!(
                "{BMS}BO_ 342 Second: 8 E\n SG_ X : 0|8@1+ (1,0) [0|0] \"\" E\nBO_ 342 Third: 8 E\n"
            ),
            vec![(4, "Second", Loss::Message), (6, "Third", Loss::Message)],
        ),
        (
            format!("{BMS}BO_ x342 Second: 8 E\n SG_ X : 0|8@1+ (1,0) [0|0] \"\" E\n"),
            vec![(4, "x342 Second", Loss::Message)],
        ),
        (
            format!("{BMS}BO_ 342 Second: long E\n SG_ X : 0|8@1+ (1,0) [0|0] \"\" E\n"),
            vec![(4, "342 Second", Loss::Message)],
        ),
        (
            format!("{BMS}BO_ 4294967295 Wide: 8 E\n SG_ X : 0|8@1+ (1,0) [0|0] \"\" E\n"),
            vec![(4, "Wide", Loss::Message)],
        ),
        (
            format!("{BMS} SG_ Half : 40|8@1+ (1\n SG_ None : 40|8@2+ (1,0) [0|0] \"\" E\n"),
            vec![(4, "BMS.Half", Loss::Signal), (5, "BMS.None", Loss::Signal)],
        ),
        (
            format!(
                "{BMS} SG_ Wide : 0|65@1+ (1,0) [0|0] \"\" E\n SG_ Zero : 0|8@1+ (0,1) [0|0] \"\" E\n"
            ),
            vec![(4, "BMS.Wide", Loss::Signal), (5, "BMS.Zero", Loss::Signal)],
        ),
        (
            format!(
                "{BMS} SG_ Page m1 : 40|8@1+ (1,0) [0|0] \"\" E\n SG_ A m2M : 40|8@1+ (1,0) [0|0] \"\" E\n SG_MUL_VAL_ 341 A A 1-1;"
            ),
            vec![(4, "BMS.Page", Loss::Signal), (5, "BMS.A", Loss::Signal)],
        ),
        (
            format!(
                "{BMS} SG_ M M : 48|70@1+ (1,0) [0|0] \"\" E\n SG_ Page m1 : 40|8@1+ (1,0) [0|0] \"\" E\n"
            ),
            vec![(4, "BMS.M", Loss::Signal), (5, "BMS.Page", Loss::Signal)],
        ),
        (
            format!(
                "{BMS} SG_ X : 40|8@1+ (1,0) [0|0] \"\" E\n SG_ X : 48|8@1+ (1,0) [0|0] \"\" E\n"
            ),
            vec![(4, "BMS.X", Loss::Signal), (5, "BMS.X", Loss::Signal)],
        ),
        (
            format!("{BMS} SG_ F : 40|16@1- (1,0) [0|0] \"\" E\nSIG_VALTYPE_ 341 F : 1;\n"),
            vec![(4, "BMS.F", Loss::Signal)],
        ),
        (
            format!(" SG_ Before : 0|8@1+ (1,0) [0|0] \"\" E\n{BMS}"),
            vec![(1, ".Before", Loss::Signal)],
        ),
        (
            format!("{BMS}CM_ SG_ 341 Volt \"no end\n{other}CM_ \"c\";\n"),
            vec![(4, "CM_", Loss::Statement)],
        ),
        (
            format!(
                "{BMS}VAL_ 341 Volt one \"ONE\" ;\nBOO_ 7 X: 8 E\nSIG_VALTYPE_ 341 Volt : 7;\nBA_ \"VFrameFormat\" BO_ x 1;\nSG_MUL_VAL_ 341 Volt Curr 5-3;\n"
            ),
            vec![
                (4, "VAL_", Loss::Statement),
                (5, "BOO_", Loss::Statement),
                (6, "SIG_VALTYPE_", Loss::Statement),
                (7, "BA_", Loss::Statement),
                (8, "SG_MUL_VAL_", Loss::Statement),
            ],
        ),
    ] {
        let database = parse(&text);
        assert_eq!(values(&database, 341), both(), "{text}");
        assert_eq!(faults(&database), lost, "{text}");
    }
}

#[test]
fn what_makes_sense_in_one_way_alone_is_read_in_it() {
    let truck = format!("{BMS}BO_ 419316480 Truck: 8 E\n SG_ X : 0|8@1+ (1,0) [0|0] \"\" E\n");
    let database = parse(&truck);
    assert_eq!(
        values(&database, 0x18fe_4300),
        [("Truck.X".to_owned(), 16.0)]
    );
    assert_eq!(faults(&database), [(4, "Truck", Loss::Nothing)]);
    // The frame has the bits, so the length of the message is what is wrong.
    let database = parse(&BMS.replace("BMS: 8", "BMS: 2"));
    assert_eq!(values(&database, 341), both());
    assert_eq!(faults(&database), [(3, "BMS.Curr", Loss::Nothing)]);
    assert_eq!(database.decode(341, false, &FRAME[..2]).count(), 1);
}

#[test]
fn pages_of_a_multiplexer_may_share_a_name() {
    let text = "BO_ 341 M: 8 E\n SG_ Page M : 0|8@1+ (1,0) [0|0] \"\" E\n SG_ X m16 : 8|8@1+ (1,0) [0|0] \"\" E\n SG_ X m17 : 16|8@1+ (1,0) [0|0] \"\" E\n";
    let database = parse(text);
    let expected = [("M.Page".to_owned(), 16.0), ("M.X".to_owned(), 32.0)];
    assert_eq!(values(&database, 341), expected);
    assert_eq!(faults(&database), []);
}

#[test]
fn texts_come_from_lists_and_from_tables() {
    let text = format!(
        "VAL_TABLE_ Modes 8208 \"Table \\\"on\\\"\" 1 \"Off\" ;\n{BMS}VAL_ 341 Volt Modes ;\nVAL_ 341 Curr 12352.0 \"High\"\nVAL_ Environment 1 \"x\";\n"
    );
    let database = parse(&text);
    let texts: Vec<_> = database
        .decode(341, false, &FRAME)
        .map(|value| value.text)
        .collect();
    assert_eq!(texts, [Some("Table \"on\""), Some("High")]);
    assert_eq!(faults(&database), []);
}

#[test]
fn a_long_name_that_another_has_too_is_not_used() {
    let long = |signal: &str, name: &str| {
        format!("BA_ \"SystemSignalLongSymbol\" SG_ 341 {signal} \"{name}\";\n")
    };
    let text = format!(
        "{BMS}{}{}",
        long("Volt", "Same_long_name"),
        long("Curr", "Same_long_name")
    );
    let database = parse(&text);
    assert_eq!(values(&database, 341), both());
    let expected = [
        (2, "BMS.Volt", Loss::Nothing),
        (3, "BMS.Curr", Loss::Nothing),
    ];
    assert_eq!(faults(&database), expected);
    let text = format!("{BMS}{}{}", long("Volt", "A_long_name"), long("Curr", ""));
    let names: Vec<_> = values(&parse(&text), 341)
        .into_iter()
        .map(|each| each.0)
        .collect();
    assert_eq!(names, ["BMS.A_long_name", "BMS.Curr"]);
}

#[test]
fn faults_without_end_take_no_memory_without_end() {
    let text = format!("{BMS}{}", "BOO_ 1 x;\n".repeat(5000));
    assert_eq!(parse(&text).faults().count(), 1000);
}

/// Another parser, `can-dbc`, agrees on every message and signal of files that it reads.
#[test]
fn messages_are_those_that_another_parser_reads() {
    let layouts = include_str!("fixtures/layouts.dbc").to_owned();
    let real = shared("mdf4/canmod-gps.dbc").map(|path| std::fs::read_to_string(path).unwrap());
    for text in [Some(layouts), real].into_iter().flatten() {
        let peer = can_dbc::Dbc::try_from(text.as_str()).unwrap();
        let database = parse(&text);
        let mut signals = 0;
        for message in peer
            .messages
            .iter()
            .filter(|m| !m.name.starts_with("VECTOR__"))
        {
            let (can_id, is_extended) = match message.id {
                can_dbc::MessageId::Standard(id) => (u32::from(id), false),
                can_dbc::MessageId::Extended(id) => (id, true),
            };
            let own = database.message(can_id, is_extended).unwrap();
            assert_eq!(
                (own.name(), own.payload_bytes()),
                (message.name.as_str(), message.size)
            );
            assert_eq!(own.signals(), message.signals.len());
            signals += own.signals();
        }
        assert_eq!(database.signals(), signals);
        assert_eq!(faults(&database), []);
    }
}

#[test]
fn the_oddities_of_users_files_are_read() {
    let Some(folder) = shared("cases/ingest/36-dbc-quirks") else {
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "dbc"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 19);
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let database = CanDatabase::parse(&name, &std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(values(&database, 341), both(), "{name}");
        let lost = match &name[..1] {
            "i" => vec![(14, "Second", Loss::Message), (17, "Third", Loss::Message)],
            "l" => vec![(13, "Truck", Loss::Nothing)],
            "m" => vec![(11, "BMS.Curr", Loss::Nothing)],
            _ => Vec::new(),
        };
        let found: Vec<_> = faults(&database)
            .into_iter()
            .map(|each| (each.1, each.2))
            .collect();
        let expected: Vec<_> = lost.into_iter().map(|each| (each.1, each.2)).collect();
        assert_eq!(found, expected, "{name}");
    }
}
