//! The output of a command: data on stdout, for people or for programs.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use aws_smithy_types::{DateTime, date_time::Format as DateFormat};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people; it may change.
    #[default]
    Table,
    /// One JSON object a line; its fields stay.
    Json,
}

/// A row of a table or a JSON object: values by name, in a fixed order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Vec<(&'static str, Value)>);

impl Record {
    /// Appends a field.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// The texts of the values, for a table or a CSV file.
    pub(crate) fn cells(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(_, value)| cell(value))
    }

    /// The names of the fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The text of `value` in a table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(values) => {
            let values = values.iter();
            let values = values.map(|(name, value)| format!("{name} {}", cell(value)));
            values.collect::<Vec<_>>().join(", ")
        }
        Value::Number(_) => value.to_string(),
    }
}

impl Format {
    /// Prints one record: a table with a field a row, or a line of JSON.
    pub(crate) fn print(self, record: &Record) -> io::Result<()> {
        match self {
            Self::Json => print_line(&serde_json::to_string(record)?),
            Self::Table => {
                let mut table = table();
                for (name, text) in record.names().zip(record.cells()) {
                    table.add_row([name.replace('_', " "), text]);
                }
                print_line(&table.to_string())
            }
        }
    }

    /// Prints many records: a table with a record a row, or a line of JSON for each.
    pub(crate) fn print_all(self, records: &[Record]) -> io::Result<()> {
        let Some(first) = records.first() else {
            return Ok(());
        };
        match self {
            Self::Json => records.iter().try_for_each(|record| self.print(record)),
            Self::Table => {
                let mut table = table();
                table.set_header(first.names().map(|name| name.replace('_', " ")));
                for record in records {
                    table.add_row(record.cells());
                }
                print_line(&table.to_string())
            }
        }
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Prints `line` on stdout. A closed pipe is an error, unlike with `println!`, which panics.
pub(crate) fn print_line(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// A counter on stderr of what has been read, with its rate; nothing where stderr is not a terminal.
pub(crate) fn progress(what: &'static str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} {msg}, {per_sec}, {elapsed}");
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Returns `bytes` in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time in milliseconds since the Unix epoch, as RFC 3339 writes it.
pub(crate) fn time(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    let time = DateTime::from_millis(millis);
    time.fmt(DateFormat::DateTime)
        .unwrap_or_else(|_| format!("{millis} ms after 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_in_rfc_3339() {
        assert_eq!(time(1_795_765_321_123), "2026-11-27T07:42:01.123Z");
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_record_keeps_the_order_of_its_fields() {
        let record = Record::default().with("b", 1).with("a", Value::Null);

        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"b":1,"a":null}"#
        );
        assert_eq!(record.cells().collect::<Vec<_>>(), ["1", ""]);
    }
}
