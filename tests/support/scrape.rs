//! Metrics, read the way Prometheus reads them (exposition format 0.0.4), and strictly.

use std::collections::BTreeMap;

/// All samples of one scrape.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    /// As it was read.
    pub(crate) text: String,
    /// By family: what `# TYPE` says.
    pub(crate) types: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Sample {
    fn has(&self, labels: &[(&str, &str)]) -> bool {
        let has = |(name, value): &(&str, &str)| {
            self.labels.get(*name).is_some_and(|known| known == value)
        };
        labels.iter().all(has)
    }
}

impl Scrape {
    /// Reads a whole scrape, or returns the first line that is none of the format: one that is
    /// misspelt, comes before its family, or repeats a series.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut scrape = Self { text: text.to_owned(), ..Self::default() };
        let mut family = String::new();
        let mut seen = std::collections::BTreeSet::new();
        for line in text.lines() {
            let bad = || line.to_owned();
            if let Some(help) = line.strip_prefix("# HELP ") {
                help.split_once(' ').filter(|(_, text)| !text.is_empty()).ok_or_else(bad)?;
            } else if let Some(of) = line.strip_prefix("# TYPE ") {
                let (name, kind) = of.split_once(' ').ok_or_else(bad)?;
                if !["counter", "gauge", "histogram"].contains(&kind) {
                    return Err(bad());
                }
                let known = scrape.types.insert(name.to_owned(), kind.to_owned());
                if known.is_some() {
                    return Err(bad());
                }
                family = name.to_owned();
            } else {
                let sample = sample(line).ok_or_else(bad)?;
                let suffix = sample.name.strip_prefix(&family).ok_or_else(bad)?;
                let suffixes: &[&str] = match scrape.types.get(&family).map(String::as_str) {
                    Some("histogram") => &["_bucket", "_sum", "_count"],
                    _ => &[""],
                };
                if !suffixes.contains(&suffix) {
                    return Err(bad());
                }
                if !seen.insert((sample.name.clone(), sample.labels.clone())) {
                    return Err(bad());
                }
                scrape.samples.push(sample);
            }
        }
        Ok(scrape)
    }

    /// The samples of this name (without `nearpoint_`) that have these labels.
    pub(crate) fn samples(
        &self,
        name: &str,
        labels: &[(&str, &str)],
    ) -> impl Iterator<Item = &Sample> {
        let name = format!("nearpoint_{name}");
        self.samples.iter().filter(move |it| it.name == name && it.has(labels))
    }

    /// The only sample of this name that has these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let values: Vec<f64> = self.samples(name, labels).map(|sample| sample.value).collect();
        match values.as_slice() {
            [value] => *value,
            values => panic!("{name} {labels:?}: {values:?}"),
        }
    }

    /// The sum of all samples of this name that have these labels; 0 when there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.samples(name, labels).map(|sample| sample.value).sum()
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        None => (series, BTreeMap::new()),
        Some((name, labels)) => (name, read_labels(labels.strip_suffix('}')?)?),
    };
    let value = match value {
        "+Inf" => f64::INFINITY,
        value => value.parse().ok()?,
    };
    is_name(name).then(|| Sample { name: name.to_owned(), labels, value })
}

/// No value of ours holds a quote, a backslash or a comma: escapes are not read but refused.
fn read_labels(text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        if !is_name(name) || value.contains(['"', '\\']) {
            return None;
        }
        labels.insert(name.to_owned(), value.to_owned()).is_none().then_some(())?;
    }
    Some(labels)
}

fn is_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
