//! Where in a document something is: `dcs[2].location.lat`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::value::shown;

/// A way from the root of a document to one of its nodes. Shares its beginning with its siblings, so
/// that a step costs one allocation however deep it is.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyPath {
    label: &'static str,
    last: Option<Arc<Link>>,
}

#[derive(Debug)]
struct Link {
    before: Option<Arc<Link>>,
    step: Step,
}

/// One step down.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Into a mapping.
    Key(Cow<'static, str>),
    /// Into a list, from 0.
    Index(usize),
}

impl KeyPath {
    /// The root of a document; `label` is how it is called where it has no key of its own.
    pub(super) fn root(label: &'static str) -> Self {
        Self { label, last: None }
    }

    /// The way to the value of a key.
    pub(super) fn key(&self, key: impl Into<Cow<'static, str>>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// The way to an element.
    pub(super) fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// The steps from the root.
    pub(super) fn steps(&self) -> Vec<Step> {
        let links = std::iter::successors(self.last.as_deref(), |link| link.before.as_deref());
        let mut steps: Vec<Step> = links.map(|link| link.step.clone()).collect();
        steps.reverse();
        steps
    }

    fn step(&self, step: Step) -> Self {
        Self { label: self.label, last: Some(Arc::new(Link { before: self.last.clone(), step })) }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut path = self.label.to_owned();
        for step in self.steps() {
            match step {
                Step::Key(key) => push_key(&mut path, &key),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        f.write_str(&path)
    }
}

/// Keys that would not read as one, networks for instance, stand in brackets.
fn push_key(path: &mut String, key: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.is_empty() || key.len() > 64 || !key.chars().all(plain) {
        path.push_str(&format!("[{}]", shown(key)));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_it_is_written() {
        let root = KeyPath::default();
        let lat = root.key("dcs").index(2).key("location").key("lat");
        assert_eq!(lat.to_string(), "dcs[2].location.lat");
        assert_eq!(root.to_string(), "");
        let network = root.key("geoip").key("overrides").key("10.0.0.0/8");
        assert_eq!(network.to_string(), r#"geoip.overrides["10.0.0.0/8"]"#);
        let entry = KeyPath::root("dc_options").index(4).key("port");
        assert_eq!(entry.to_string(), "dc_options[4].port");
        assert_eq!(entry.steps(), [Step::Index(4), Step::Key(Cow::Borrowed("port"))]);
    }
}
