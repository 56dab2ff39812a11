//! How the sources look.

use std::path::Path;
use std::process::Command;

/// Longest source file, without its tests.
const FILE_LINES_MAX: usize = 500;
/// Longest function, from its first line to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// A tracked text file, or one that could be tracked.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }
}

/// The text files of the repository, ignored ones left out.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let list = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .expect("git runs");
    assert!(
        list.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&list.stderr)
    );
    let paths = String::from_utf8(list.stdout).expect("paths are UTF-8");
    let read = |path: &str| {
        Some(Source {
            text: std::fs::read_to_string(root.join(path)).ok()?,
            path: path.into(),
        })
    };
    paths.lines().filter_map(read).collect()
}

/// The Rust files that are no tests, as code alone: blank where there were comments, strings and test modules.
fn code() -> Vec<Source> {
    let is_code = |source: &Source| {
        source.is_rust()
            && !source
                .path
                .split('/')
                .any(|part| part == "tests" || part == "benches")
    };
    let blank = |source: Source| Source {
        text: without_tests(&without_text(&source.text)),
        ..source
    };
    sources().into_iter().filter(is_code).map(blank).collect()
}

#[track_caller]
fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn files_are_short() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust()) {
        let is_test = source
            .path
            .split('/')
            .any(|part| part == "tests" || part == "benches");
        let tests = if is_test {
            0
        } else {
            test_lines(&without_text(&source.text))
        };
        let lines = source.text.lines().count() - tests;
        if lines > FILE_LINES_MAX && !is_test {
            broken.push(format!("{}: {lines} lines", source.path));
        }
    }
    assert_none(
        &format!("a source file has at most {FILE_LINES_MAX} lines without its tests"),
        &broken,
    );
}

#[test]
fn functions_are_short() {
    let mut broken = Vec::new();
    for source in code() {
        for Function { name, line, lines } in functions(&source.text) {
            if lines > FUNCTION_LINES_MAX {
                broken.push(format!(
                    "{}:{line}: `{name}` has {lines} lines",
                    source.path
                ));
            }
        }
    }
    assert_none(
        &format!("a function has at most {FUNCTION_LINES_MAX} lines"),
        &broken,
    );
}

#[test]
fn front_pages_have_no_logic() {
    let pages = code()
        .into_iter()
        .filter(|source| source.path.ends_with("src/lib.rs"));
    let broken: Vec<_> = pages
        .flat_map(|page| {
            let found = functions(&page.text);
            found
                .into_iter()
                .map(move |f| format!("{}:{}: `{}`", page.path, f.line, f.name))
        })
        .collect();
    assert_none("a `lib.rs` is a front page, without functions", &broken);
}

#[test]
fn no_path_of_a_machine() {
    // In two pieces, as this file is looked at too.
    let folders = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
    ];
    let mut broken = Vec::new();
    for source in sources() {
        for (line, text) in (1..).zip(source.text.lines()) {
            let begins_a_path = |at: usize| {
                let before = text[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "./_-~})".contains(c))
            };
            if folders
                .iter()
                .any(|folder| text.match_indices(folder).any(|(at, _)| begins_a_path(at)))
            {
                broken.push(format!("{}:{line}: {}", source.path, text.trim()));
            }
        }
    }
    assert_none("no path of the machine that it was written on", &broken);
}

/// The crates whose rows are computed, and the methods of `f64` that call the C library. `log` is a name of too many things.
const COMPUTED: [&str; 5] = [
    "schemas/",
    "ingest/",
    "scenario-mining/",
    "synth/",
    "evaluation/",
];
const OF_THE_C_LIBRARY: [&str; 22] = [
    "sin", "cos", "tan", "sin_cos", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp",
    "exp2", "exp_m1", "ln", "ln_1p", "log2", "log10", "powf", "hypot", "cbrt", "mul_add",
];

#[test]
fn rows_have_the_same_bits_on_every_processor() {
    let mut broken = Vec::new();
    for source in code() {
        let is_computed = COMPUTED.iter().any(|of| source.path.starts_with(of));
        if !is_computed || source.path.ends_with("/tests.rs") || source.path.contains("/examples/")
        {
            continue;
        }
        for (line, text) in (1..).zip(source.text.lines()) {
            let calls = |name: &&str| {
                text.contains(&format!(".{name}(")) || text.contains(&format!("f64::{name}"))
            };
            if let Some(name) = OF_THE_C_LIBRARY.iter().find(|name| calls(name)) {
                broken.push(format!("{}:{line}: `{name}`", source.path));
            }
        }
    }
    assert_none(
        "rows are computed with `driveloop_schemas::maths`, not with the C library",
        &broken,
    );
}

/// A function of a source.
#[derive(Debug, PartialEq)]
struct Function {
    name: String,
    /// Its first line, from 1.
    line: usize,
    lines: usize,
}

/// The functions with a body, of code that [`without_text`] made.
fn functions(code: &str) -> Vec<Function> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name: String = code[at + 3..].chars().take_while(|c| is_name(*c)).collect();
        if code[..at].ends_with(is_name) || name.is_empty() {
            continue; // The end of a longer word, or the type of a function pointer.
        }
        if let Some(end) = body_end(&code[at..]) {
            let line = 1 + code[..at].matches('\n').count();
            let lines = code[at..at + end].lines().count();
            found.push(Function { name, line, lines });
        }
    }
    found
}

/// Where the first body in braces ends; `None` where a semicolon comes before one.
fn body_end(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces <= 1 => return Some(at + 1),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

const TESTS: &str = "#[cfg(test)]";

/// The lines of test modules.
fn test_lines(code: &str) -> usize {
    let ends = code
        .match_indices(TESTS)
        .filter_map(|(at, _)| Some(code[at..at + body_end(&code[at..])?].lines().count()));
    ends.sum()
}

/// The code with test modules blank.
fn without_tests(code: &str) -> String {
    let mut left = code.to_owned();
    while let Some(at) = left.find(TESTS) {
        let end = at + body_end(&left[at..]).unwrap_or(TESTS.len());
        let blank: String = left[at..end]
            .chars()
            .map(|c| if c == '\n' { c } else { ' ' })
            .collect();
        left.replace_range(at..end, &blank);
    }
    left
}

/// The code with comments and the contents of literals blank, line by line the same.
fn without_text(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let after_name = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skipped = text_length(rest, after_name);
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(
                rest[..skipped]
                    .chars()
                    .map(|c| if c == '\n' { c } else { ' ' }),
            );
            rest = &rest[skipped..];
        }
    }
    out
}

/// Bytes of the comment or literal that the code begins with; zero where it begins with none.
fn text_length(code: &str, after_name: bool) -> usize {
    let until = |from: usize, end: &str| {
        code[from..]
            .find(end)
            .map_or(code.len(), |at| from + at + end.len())
    };
    if code.starts_with("//") {
        return code.find('\n').unwrap_or(code.len());
    }
    if code.starts_with("/*") {
        return until(2, "*/");
    }
    if code.starts_with('"') {
        return quoted_length(code, '"');
    }
    if let (false, Some(raw)) = (
        after_name,
        code.strip_prefix("br").or_else(|| code.strip_prefix('r')),
    ) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let open = code.len() - raw.len() + hashes + 1;
            return until(open, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    // A character, not a lifetime: it is closed after one character or begins with a backslash.
    let mut chars = code.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) => quoted_length(code, '\''),
        (Some('\''), Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

/// Bytes of a literal with its quotes, past escaped ones.
fn quoted_length(code: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in code.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn functions_are_found_past_comments_and_literals() {
    let source = r##"
// fn comment() {
fn one<'a>(x: &'a [u8; 2]) -> char {
    let _ = ("{ fn text() {", '{', '\'', b"}", r#"fn raw() { " {"#);
    '}'
}
trait T { fn declared(&self); }
type F = fn (u8) -> u8;
#[cfg(test)]
mod tests {
    fn test() {}
}
fn two() {
}
"##;
    let code = without_tests(&without_text(source));
    let function = |name: &str, line, lines| Function {
        name: name.into(),
        line,
        lines,
    };
    assert_eq!(
        functions(&code),
        [function("one", 3, 4), function("two", 13, 2)]
    );
    assert_eq!(test_lines(&without_text(source)), 4);
}
