//! `TABLES.md`, made from the specifications.

use std::fmt::Write as _;

use crate::{TABLES, TableSpec};

/// The text of `TABLES.md`.
#[must_use]
pub fn tables_markdown() -> String {
    let mut text = String::from(
        "# Tables\n\nMade from the code by `driveloop lake schemas > schemas/TABLES.md`; a test keeps it so.\n\
         Stamps are nanoseconds since the Unix epoch, UTC.\n\
         Frames are right-handed, x forward, y left, z up; metres, radians, quaternions `w, x, y, z`.\n",
    );
    for table in TABLES {
        section(&mut text, table);
    }
    text
}

fn section(text: &mut String, table: &TableSpec) {
    let doc = paragraph(table.doc);
    let key = table.key.join(", ");
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "\n## `{}`\n\n{doc}\nVersion {}. Key: `{key}`.",
        table.name, table.version
    );
    if !table.partition_by.is_empty() {
        let _ = write!(
            text,
            " Partitioned by: `{}`.",
            table.partition_by.join(", ")
        );
    }
    text.push_str(
        "\n\n| column | type | unit, frame | may be null | meaning |\n|---|---|---|---|---|\n",
    );
    for column in table.columns {
        let null = if column.nullable { "yes" } else { "" };
        let data_type = match (column.data_type)() {
            arrow::datatypes::DataType::List(field) => format!("list of {}", field.data_type()),
            other => other.to_string(),
        };
        let (name, unit, doc) = (column.name, column.unit, paragraph(column.doc));
        let _ = writeln!(text, "| `{name}` | {data_type} | {unit} | {null} | {doc} |");
    }
}

/// One line of the lines of a documentation comment.
fn paragraph(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn tables_md_is_up_to_date() {
        let committed = include_str!("../TABLES.md");
        assert!(
            committed == super::tables_markdown(),
            "run `driveloop lake schemas > schemas/TABLES.md`"
        );
    }
}
