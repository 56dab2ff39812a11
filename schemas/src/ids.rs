//! Names of things: a drive cannot be given where a track is asked for.
//!
//! An id is a text that its maker chose; nothing is read out of it. In tables it is a text column.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::DataType;

use crate::column::ColumnValue;

macro_rules! id {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        // Maps by id are asked by text: hash, order and equality are those of the text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other
            }
        }

        impl ColumnValue for $name {
            const NULLABLE: bool = false;
            const EXPECTED: &'static str = "a text";
            fn data_type() -> DataType {
                DataType::Utf8
            }
            fn array<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                std::sync::Arc::new(StringArray::from_iter_values(values.map(|id| &id.0)))
            }
            fn read(array: &dyn Array) -> Option<Vec<Self>> {
                let texts = String::read(array)?;
                Some(texts.into_iter().map(Self).collect())
            }
        }
    };
}

id! {
    /// A drive: one log, or one that was composed.
    LogId
}
id! {
    /// An actor of a drive.
    TrackId
}
id! {
    /// A lane segment of a drive's map.
    LaneId
}
id! {
    /// A stretch of a drive in which a scenario was found.
    EpisodeId
}
id! {
    /// An item of a frozen dataset.
    SampleId
}
id! {
    /// A composed item.
    ItemId
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    #[test]
    fn maps_by_id_are_asked_by_text() {
        let ids = ["b", "a", "ab"].map(LogId::from);
        let ordered: BTreeMap<_, _> = ids.iter().cloned().zip(0..).collect();
        let hashed: HashMap<_, _> = ids.iter().cloned().zip(0..).collect();
        assert_eq!(ordered.get("ab"), Some(&2));
        assert_eq!(hashed.get("ab"), Some(&2));
        assert!(ordered.into_keys().is_sorted_by_key(LogId::into_string));
    }

    #[test]
    fn an_id_is_a_text_column() {
        let ids = vec![TrackId::from("1"), TrackId::from("ego")];
        let array = TrackId::array(ids.iter());
        assert_eq!(array.data_type(), &DataType::Utf8);
        assert_eq!(String::read(&array), Some(vec!["1".into(), "ego".into()]));
        assert_eq!(TrackId::read(&array), Some(ids));
    }
}
