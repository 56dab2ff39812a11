//! Message definitions in the text form of `.msg` files, of ROS 2 and ROS 1.
//!
//! The parser is that of `re_ros_msg`. It refuses some texts that ROS accepts, mostly in constants and defaults, which say nothing about
//! the bytes of a message: those are left out before it sees the text.

/// Longest line between two definitions that the parser knows.
const SEPARATOR: &str =
    "================================================================================";
/// Signs of a separator at least: some writers make it shorter.
const SEPARATOR_SIGNS_MIN: usize = 10;

/// Which ROS wrote the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Ros1,
    Ros2,
}

/// The definition with a field a line, and nothing else but what separates the parts.
pub(super) fn plain(text: &str, dialect: Dialect) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut part = Part::default();
    for line in text.lines() {
        let line = line.trim();
        if line.len() >= SEPARATOR_SIGNS_MIN && line.bytes().all(|byte| byte == b'=') {
            part.end(&mut plain, dialect);
            plain.push_str(SEPARATOR);
        } else if line.starts_with("MSG:") {
            part.is_named = true;
            plain.push_str(line);
        } else if let Some((kind, name)) = field(line) {
            part.has_fields = true;
            let kind: String = kind.split_whitespace().collect();
            plain.push_str(&known(&kind, dialect));
            plain.push(' ');
            plain.push_str(name);
        } else {
            continue;
        }
        plain.push('\n');
    }
    part.end(&mut plain, dialect);
    plain
}

/// One of the definitions of a text.
#[derive(Default)]
struct Part {
    /// Whether it is one that another is made of.
    is_named: bool,
    has_fields: bool,
}

impl Part {
    /// Gives a part without fields one, since the parser passes over such a part: ROS 2 writes an octet for it, ROS 1 nothing.
    fn end(&mut self, plain: &mut String, dialect: Dialect) {
        if self.is_named && !self.has_fields {
            plain.push_str(match dialect {
                Dialect::Ros1 => "uint8[0] nothing\n",
                Dialect::Ros2 => "uint8 structure_needs_at_least_one_member\n",
            });
        }
        *self = Self::default();
    }
}

/// Type and name of a line that declares a field; none for constants, comments and blank lines.
fn field(line: &str) -> Option<(&str, &str)> {
    let line = line
        .split_once('#')
        .map_or(line, |(line, _)| line)
        .trim_end();
    // Brackets and bounds belong to the type, with whatever blanks there are.
    let mut depth = 0_usize;
    let mut end = line.len();
    for (at, sign) in line.char_indices() {
        match sign {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let follows_bracket = line[at..].trim_start().starts_with('[');
        if sign.is_whitespace() && depth == 0 && !follows_bracket {
            end = at;
            break;
        }
    }
    let (kind, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let is_part = |sign: char| sign.is_alphanumeric() || sign == '_';
    let name_end = rest.find(|sign| !is_part(sign)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(name_end);
    let is_constant = after.trim_start().starts_with('=');
    (!kind.is_empty() && !name.is_empty() && !is_constant).then_some((kind, name))
}

/// The type as ROS 2 calls it.
fn known(kind: &str, dialect: Dialect) -> String {
    let (name, array) = match kind.find('[') {
        Some(at) => kind.split_at(at),
        None => (kind, ""),
    };
    let name = match (name, dialect) {
        ("time", Dialect::Ros1) => "builtin_interfaces/Time",
        ("duration", Dialect::Ros1) => "builtin_interfaces/Duration",
        ("byte", Dialect::Ros1) => "int8",
        (name, _) => name,
    };
    format!("{name}{array}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_field_is_left_out() {
        let text = "# a comment\n\nuint8 HEX=0x10\nstring LABEL=\"a=b # c\"\nstring OTHER = 'x;y'\n\
            \tbool\tfirst true\nstring<=16   name \"Jo # Do\"\nint32[] arr [1, 2, 3]\nfloat64[ 3 ] xyz\n\
            float64 [3] abc\nstring<=4[<=2] names\n====================\nMSG: a/B\ntime stamp # when\n\
            ====================\nMSG: a/Nothing\nuint8 A=1\n";
        let expected = format!(
            "bool first\nstring<=16 name\nint32[] arr\nfloat64[3] xyz\nfloat64[3] abc\nstring<=4[<=2] names\n{SEPARATOR}\nMSG: a/B\n"
        );
        let nothing = format!("{SEPARATOR}\nMSG: a/Nothing\n");
        let octet = "uint8 structure_needs_at_least_one_member";
        let ros2 = plain(text, Dialect::Ros2);
        assert_eq!(ros2, format!("{expected}time stamp\n{nothing}{octet}\n"));
        let stamp = "builtin_interfaces/Time stamp";
        let ros1 = plain(text, Dialect::Ros1);
        assert_eq!(
            ros1,
            format!("{expected}{stamp}\n{nothing}uint8[0] nothing\n")
        );
    }
}
