//! Query strings: known parameters, each at most once, percent-decoded.

use std::collections::BTreeMap;
use std::fmt;

/// The parameters of one request.
pub(super) struct Query<'a>(BTreeMap<&'a str, String>);

/// What is wrong with a query string.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueryError {
    /// No such parameter; the known ones.
    Unknown(String, Vec<String>),
    /// Given twice.
    Repeated(String),
    /// Not percent-encoded UTF-8.
    Encoding(String),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name, known) if known.is_empty() => {
                write!(f, "parameter {name:?} is unknown: none is taken here")
            }
            Self::Unknown(name, known) => {
                write!(f, "parameter {name:?} is unknown: expected {}", known.join(", "))
            }
            Self::Repeated(name) => write!(f, "parameter {name} is given twice"),
            Self::Encoding(name) => write!(f, "the value of {name} is not percent-encoded UTF-8"),
        }
    }
}

impl std::error::Error for QueryError {}

impl<'a> Query<'a> {
    /// Reads `name=value&...`; a missing query has no parameters.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub(super) fn parse(text: Option<&'a str>, known: &[&str]) -> Result<Self, QueryError> {
        let mut parameters = BTreeMap::new();
        let pairs = text.unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&name) {
                let known = known.iter().map(ToString::to_string).collect();
                return Err(QueryError::Unknown(name.to_owned(), known));
            }
            let value = decode(value).ok_or_else(|| QueryError::Encoding(name.to_owned()))?;
            if parameters.insert(name, value).is_some() {
                return Err(QueryError::Repeated(name.to_owned()));
            }
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter, if it was given and is not empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }
}

/// What an encoded value says; `None` for one that is not text.
pub(super) fn decode(value: &str) -> Option<String> {
    let mut bytes = value.bytes();
    let mut decoded = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' => b' ',
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: &[&str] = &["ip", "listener"];

    fn error(text: &str) -> Option<QueryError> {
        Query::parse(Some(text), KNOWN).err()
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        let query = Query::parse(Some("ip=2001%3adb8::1&listener="), KNOWN).ok();
        let query = query.expect("a good query");
        assert_eq!(query.value("ip"), Some("2001:db8::1"));
        assert_eq!(query.value("listener"), None);
    }

    #[test]
    fn unknown_repeated_and_broken_parameters_are_named() {
        assert!(
            matches!(error("adress=1"), Some(QueryError::Unknown(name, _)) if name == "adress")
        );
        assert_eq!(error("ip=1&ip=2"), Some(QueryError::Repeated("ip".into())));
        for broken in ["ip=%", "ip=%g0", "ip=%f", "ip=%ff"] {
            assert_eq!(error(broken), Some(QueryError::Encoding("ip".into())), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = Query::parse(Some(&text), KNOWN);
        }
    }
}
