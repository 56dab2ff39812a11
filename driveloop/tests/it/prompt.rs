//! `driveloop sql` on a terminal: Python's `pty` plays the person.

use crate::harness::{BINARY, lake, python};

/// Types lines at the prompt, each after the answer to the one before has come, and prints what the terminal showed.
const PERSON: &str = r#"
import os, pty, re, select, sys, time
binary, *lines = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(binary, [binary, "sql"])
seen = b""
def read():
    """Some more of what is shown; whether there may come more."""
    global seen
    if not select.select([terminal], [], [], 0.2)[0]:
        return True
    try:
        more = os.read(terminal, 65536)
    except OSError:
        return False
    seen += more
    return bool(more)
def is_asked():
    plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]|\r", b"", seen)
    return plain.split(b"\n")[-1].endswith(b"driveloop> ")
end = time.time() + 100
def wait():
    """Until the prompt stands there and nothing more comes: what is typed before that is thrown away."""
    quiet = 0
    while quiet < 3 and time.time() < end:
        before = len(seen)
        read()
        quiet = quiet + 1 if is_asked() and len(seen) == before else 0
for line in lines:
    wait()
    if line == "<INTERRUPT>":
        os.write(terminal, b"SELECT sum(sin(value)) FROM range(0, 1000000000000);\r")
        time.sleep(1.5)
        os.write(terminal, b"\x03")
    else:
        os.write(terminal, line.replace("<TAB>", "\t").replace("<ENTER>", "\r").encode() + b"\r")
    before = len(seen)
    while len(seen) == before and read() and time.time() < end:
        pass
while read() and time.time() < end:
    pass
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

/// What the terminal showed, with the history in a folder of its own.
fn type_lines(state: &std::path::Path, lines: &[&str]) -> String {
    let mut person = python(false).expect("there is a Python");
    person
        .args(["-c", PERSON, BINARY])
        .args(lines)
        .env("DRIVELOOP_LAKE", lake())
        .env("XDG_STATE_HOME", state)
        .env("TERM", "xterm");
    let typed = person.output().expect("Python runs");
    let shown = String::from_utf8_lossy(&typed.stdout).into_owned();
    assert!(
        typed.status.success(),
        "{shown}\n{}",
        String::from_utf8_lossy(&typed.stderr)
    );
    shown
}

#[test]
fn statements_of_many_lines_are_answered_and_errors_do_not_end_it() {
    let state = tempfile::tempdir().expect("a folder");
    let shown = type_lines(
        state.path(),
        &[
            "SELECT 6 * 7<ENTER> AS answer;",
            "SELECT * FROM driev;",
            "\\timing",
            "SELECT 'still' || ' here' AS x;",
            "\\d drive",
            "\\d",
            "\\wrong",
            "\\q",
        ],
    );
    for expected in [
        "| 42 ",
        "(1 row)",
        "no table `driev`; did you mean `drive`?",
        "^^^^^",
        "timing is on",
        "still here",
        "(1 row in 0.",
        "source_digest",
        "object_track",
        "no command `\\wrong`",
    ] {
        assert!(
            shown.contains(expected),
            "expected `{expected}` in\n{shown}"
        );
    }
    let history = std::fs::read_to_string(state.path().join("driveloop/history"));
    let history = history.expect("the history is kept");
    assert!(history.contains("SELECT * FROM driev;"), "{history}");
}

#[test]
fn ctrl_c_stops_the_statement_and_not_the_program() {
    let state = tempfile::tempdir().expect("a folder");
    let shown = type_lines(
        state.path(),
        &["<INTERRUPT>", "SELECT 'alive' AS x;", "\\q"],
    );
    assert!(shown.contains("stopped"), "{shown}");
    assert!(shown.contains("alive "), "{shown}");
}

#[test]
fn tab_completes_tables_columns_and_driving_functions() {
    let state = tempfile::tempdir().expect("a folder");
    let shown = type_lines(
        state.path(),
        &[
            "SELECT count(*) AS a FROM object_t<TAB>;",
            "SELECT drac_<TAB>10.0, 5.0) AS b;",
            "\\q",
        ],
    );
    assert!(shown.contains("FROM object_track"), "{shown}");
    assert!(shown.contains("SELECT drac_mps2("), "{shown}");
}
