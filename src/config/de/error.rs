//! What serde gets to know of an error.

use std::fmt;

use serde::de;

use crate::config::value::shown;

/// Why a node could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// It, or a part of it, has been told.
    Told,
    /// What is wrong with this very node.
    Said(String),
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Said(text.to_string())
    }

    fn missing_field(key: &'static str) -> Self {
        Self::Said(format!("needs `{key}`"))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::Said(format!("{} is not {}", shown(word), alternatives(known)))
    }
}

/// `a` or `b`.
pub(super) fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(" or ")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => f.write_str("has been told"),
            Self::Said(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
