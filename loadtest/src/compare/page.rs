//! A report of several chapters, for a terminal and as Markdown with pictures beside it.

use super::run::{Failed, Run};
use crate::circumstances::Circumstances;
use crate::cli::OutputOptions;
use crate::peers::Peer;
use crate::report::{Host, PeerReport, ReportError, Section, machine, table, write};
use comfy_table::{TableStyle, presets};
use serde::Serialize;
use std::fmt::Write;
use std::fs;

/// What every report of a run begins with.
#[derive(Debug, Serialize)]
pub(crate) struct Head {
    host: Host,
    circumstances: Circumstances,
    /// The run was ended early: figures are of fewer rounds, or missing.
    partial: bool,
    rounds: u32,
    duration_seconds: f64,
    unprivileged: bool,
    /// Few clients, and every byte looked at.
    smoke: bool,
    peers: Vec<PeerReport>,
    /// Peers that could not be measured in a case.
    failed: Vec<Failed>,
    /// Peers that cannot do a case at all.
    unable: Vec<Unable>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Unable {
    pub(crate) case: String,
    pub(crate) peer: &'static str,
    pub(crate) why: &'static str,
}

impl Head {
    pub(crate) fn new(run: &Run, circumstances: Circumstances) -> Head {
        let mut unable = Vec::new();
        for case in &run.cases {
            let why = |peer: Peer| {
                let (case, why) = (case.name.clone(), peer.inability(case.duty)?);
                Some(Unable { case, peer: peer.name(), why })
            };
            unable.extend(run.cast.peers().filter_map(why));
        }
        Head {
            host: Host::read(),
            circumstances,
            partial: run.is_partial,
            rounds: run.options.rounds.get(),
            duration_seconds: run.options.duration.as_secs_f64(),
            unprivileged: run.options.unprivileged,
            smoke: run.options.smoke,
            peers: run.cast.report(),
            failed: run.failed.clone(),
            unable,
        }
    }

    /// Why peers have no figure in a case: those that cannot, and those that failed.
    pub(crate) fn without_figure(&self, case: &str) -> Vec<(&'static str, String)> {
        let unable = self.unable.iter().filter(|it| it.case == case);
        let failed = self.failed.iter().filter(|it| it.case == case);
        unable
            .map(|it| (it.peer, it.why.to_owned()))
            .chain(failed.map(|it| (it.peer, format!("NOT MEASURED: {}", it.why))))
            .collect()
    }

    fn text(&self) -> String {
        let mut text = machine(&self.host, &self.peers);
        let _ = write!(
            text,
            "\n{} {} {}, {} s of each case in each.\n",
            self.circumstances.sentence(),
            self.rounds,
            if self.rounds == 1 { "round" } else { "rounds" },
            self.duration_seconds
        );
        for (is_so, what) in [
            (self.partial, "PARTIAL: the run was ended early; figures are of fewer rounds."),
            (self.unprivileged, "Proxies ran as user 65534, without capabilities."),
            (self.smoke, "SMOKE: few clients and verified content; figures mean nothing."),
        ] {
            if is_so {
                let _ = write!(text, "\n{what}\n");
            }
        }
        text
    }
}

/// A report as people read it.
pub(crate) struct Page {
    pub(crate) title: &'static str,
    pub(crate) chapters: Vec<Chapter>,
}

#[derive(Default)]
pub(crate) struct Chapter {
    pub(crate) title: String,
    /// Paragraphs above the picture.
    pub(crate) words: Vec<String>,
    pub(crate) picture: Option<Picture>,
    /// Without titles of their own.
    pub(crate) tables: Vec<Section>,
}

/// An SVG of this name.
pub(crate) struct Picture {
    pub(crate) name: &'static str,
    pub(crate) svg: String,
}

impl Page {
    /// Prints the report, and writes it to a file where one was asked for. Pictures are beside a file of
    /// Markdown, in a folder of its name: `compare.md` shows `compare/ratios.svg`.
    pub(crate) fn emit(
        &self,
        head: &Head,
        json: &impl Serialize,
        options: &OutputOptions,
    ) -> Result<(), ReportError> {
        let json = serde_json::to_string_pretty(json).map_err(ReportError::Json)?;
        if options.json {
            println!("{json}");
        } else {
            println!("{}", self.write(head, presets::UTF8_BORDERS_ONLY, None));
        }
        let Some(path) = &options.out else { return Ok(()) };
        if path.extension().is_some_and(|extension| extension == "json") {
            return write(path, &(json + "\n"));
        }
        let folder = path.with_extension("");
        let pictures: Vec<&Picture> =
            self.chapters.iter().filter_map(|it| it.picture.as_ref()).collect();
        if !pictures.is_empty() {
            let failed = |source| ReportError::Write { path: folder.clone(), source };
            fs::create_dir_all(&folder).map_err(failed)?;
        }
        for Picture { name, svg } in pictures {
            write(&folder.join(format!("{name}.svg")), svg)?;
        }
        let folder = folder.file_name().unwrap_or_default().to_string_lossy();
        write(path, &self.write(head, presets::ASCII_MARKDOWN, Some(&folder)))
    }

    /// With `folder`, where pictures are, as Markdown.
    fn write(&self, head: &Head, style: TableStyle, folder: Option<&str>) -> String {
        let [one, two] = if folder.is_some() { ["# ", "## "] } else { [""; 2] };
        // Writing to a string cannot fail.
        let mut page = format!("{one}{}\n\n{}", self.title, head.text());
        for Chapter { title, words, picture, tables } in &self.chapters {
            let _ = write!(page, "\n{two}{title}\n");
            for words in words {
                let _ = write!(page, "\n{words}\n");
            }
            if let (Some(folder), Some(Picture { name, .. })) = (folder, picture) {
                let _ = write!(page, "\n![{title}]({folder}/{name}.svg)\n");
            }
            for section in tables {
                let _ = write!(page, "\n{}\n", table(section.clone(), style));
            }
        }
        page
    }
}

/// For tests of reports.
#[cfg(test)]
pub(super) fn example() -> Head {
    use crate::load::Transport;
    use crate::peers::Duty;
    let why = Peer::Haproxy.inability(Duty::plain(Transport::Udp)).unwrap();
    Head {
        host: Host::read(),
        circumstances: Circumstances::begin(),
        partial: true,
        rounds: 3,
        duration_seconds: 0.5,
        unprivileged: false,
        smoke: false,
        peers: vec![PeerReport::measured("nearpoint", "nearpoint 0.1.0")],
        failed: vec![Failed { case: "rt-64b-100".into(), peer: "envoy", why: "it ended".into() }],
        unable: vec![Unable { case: "rt-64b-100".into(), peer: "haproxy", why }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_shows_pictures_and_a_terminal_does_not() {
        let section = Section {
            title: String::new(),
            columns: vec!["peer".into()],
            rows: vec![vec!["x".into()]],
        };
        let picture = Some(Picture { name: "ratios", svg: String::new() });
        let chapter = Chapter {
            title: "Summary".into(),
            words: vec!["Less is better.".into()],
            picture,
            tables: vec![section],
        };
        let page = Page { title: "Title", chapters: vec![chapter] };
        let markdown = page.write(&example(), presets::ASCII_MARKDOWN, Some("compare"));
        for text in [
            "# Title\n\n",
            "- nearpoint: nearpoint 0.1.0\n",
            " 3 rounds, 0.5 s of each case in each.\n\nPARTIAL: ",
            "\n## Summary\n\nLess is better.\n\n![Summary](compare/ratios.svg)\n\n| peer |",
        ] {
            assert!(markdown.contains(text), "{text:?} is not in\n{markdown}");
        }
        let terminal = page.write(&example(), presets::UTF8_BORDERS_ONLY, None);
        assert!(terminal.contains("\nSummary\n\nLess is better.\n\n┌"), "{terminal}");
        assert!(!terminal.contains("svg"));
    }

    #[test]
    fn who_has_no_figure_is_told_with_the_reason() {
        let expected = [
            ("haproxy", "HAProxy has no UDP".to_owned()),
            ("envoy", "NOT MEASURED: it ended".to_owned()),
        ];
        assert_eq!(example().without_figure("rt-64b-100"), expected);
        assert!(example().without_figure("idle").is_empty());
    }
}
