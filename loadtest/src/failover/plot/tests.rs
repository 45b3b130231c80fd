use super::*;
use crate::failover::example::{dc_in_use, dc1_gone, ms};
use crate::failover::scenario::schedule::Broken;
use roxmltree::{Document, Node};

const PHASES: Phases = Phases { before: ms(5_000), fault: ms(10_000), after: ms(10_000) };

fn drawn(panels: Vec<Panel>) -> String {
    let picture = Picture {
        title: "DC 1 is blackholed & <gone>",
        fault: "blackhole dc1",
        phases: PHASES,
        broken: &[Broken { from: ms(0), to: ms(10_000) }],
        panels,
    };
    draw(&picture).unwrap()
}

fn texts(svg: &Document) -> Vec<String> {
    let texts = svg.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap_or_default().trim().to_owned()).collect()
}

fn colored<'a>(svg: &'a Document, name: &str, key: &str, color: RGBColor) -> Vec<Node<'a, 'a>> {
    let RGBColor(r, g, b) = color;
    let color = format!("#{r:02X}{g:02X}{b:02X}");
    let drawn = svg.descendants().filter(|node| node.has_tag_name(name));
    drawn.filter(|node| node.attribute(key) == Some(color.as_str())).collect()
}

#[test]
fn every_peer_has_a_panel_in_a_picture_that_is_xml() {
    let fast = dc1_gone(ms(600), Some(ms(200)));
    let slow = dc1_gone(ms(6_000), Some(ms(1_000)));
    let svg = drawn(vec![
        Panel { peer: "nearpoint", recording: &fast },
        Panel { peer: "haproxy", recording: &slow },
    ]);
    let svg = Document::parse(&svg).unwrap();
    let texts = texts(&svg);
    for text in [
        "DC 1 is blackholed & <gone>",
        "fault: blackhole dc1",
        "nearpoint",
        "haproxy",
        "dc1 out of use",
        "dc1 used again",
        "10 ms",
        "10 s",
    ] {
        assert!(texts.iter().any(|it| it == text), "{text} is not in {texts:?}");
    }
    assert_eq!(texts.iter().filter(|it| *it == "0 of 2500 sessions failed").count(), 2);
}

#[test]
fn failed_sessions_are_red_crosses_and_caught_ones_are_not() {
    let failing = dc1_gone(ms(2_000), None);
    let well = dc1_gone(ms(2_000), Some(ms(200)));
    let crosses = |recording: &Recording| {
        let svg = drawn(vec![Panel { peer: "nearpoint", recording }]);
        let svg = Document::parse(&svg).unwrap();
        colored(&svg, "line", "stroke", RED).len() + colored(&svg, "polyline", "stroke", RED).len()
    };
    // Two strokes of the legend; then two for each cross.
    assert_eq!(crosses(&well), 2);
    assert!(crosses(&failing) > 2 + 2 * 10);
    let mut caught = well.clone();
    caught.arrivals[500].outcome = Err(crate::failover::record::Failure::Reset);
    assert_eq!(crosses(&caught), 2);
}

#[test]
fn a_panel_of_many_sessions_is_thinned_out() {
    let mut recording = dc1_gone(ms(2_000), Some(ms(200)));
    let mut seed = 1_u64;
    for number in 0..60_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let took = Duration::from_micros(1_000 + (seed >> 33) % 5_000_000);
        let began = Duration::from_micros(number * 400);
        recording.arrivals.push(crate::failover::example::answered(began, took, 2));
    }
    let svg = drawn(vec![Panel { peer: "nearpoint", recording: &recording }]);
    assert!(svg.matches("<circle").count() <= MOST_DOTS + 3);
}

#[test]
fn what_nearpoint_says_at_one_time_is_one_label() {
    let mut recording = dc1_gone(ms(600), Some(ms(200)));
    recording.marks.push(dc_in_use(ms(20_000), 1, false));
    recording.marks.push(dc_in_use(ms(20_010), 2, false));
    let svg = drawn(vec![Panel { peer: "nearpoint", recording: &recording }]);
    assert!(svg.contains("dc1, dc2 out of use"), "{svg}");
}

#[test]
fn nothing_recorded_is_a_picture_all_the_same() {
    let nothing = Recording::default();
    assert!(drawn(Vec::new()).contains("</svg>"));
    assert!(drawn(vec![Panel { peer: "nginx", recording: &nothing }]).contains("nginx"));
}
