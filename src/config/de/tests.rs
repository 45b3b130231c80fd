use serde::Deserialize;

use super::*;
use crate::config::document::Document;
use crate::config::finding::Located;
use crate::config::value::{Count, Given, Later, List, OrNone};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    one: Given<Count<1, 9>>,
    two: Given<Count<1, 9>>,
    list: List<Section>,
    choice: Option<Choice>,
    word: OrNone<Count<1, 9>>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Plain,
    Number(Count<1, 9>),
    Other(Later),
}

/// What was read, and what was told.
fn read_text(text: &str) -> (Option<Section>, Vec<String>) {
    let document = Document::parse(text.as_bytes(), 1 << 20).expect("a document");
    let problems = Findings::default();
    let section = read(&document.root, KeyPath::default(), &problems);
    let told = problems.into_list(|path| Located::within("f".as_ref(), &document, path));
    (section, told.into_iter().map(|it| format!("{}: {}", it.path, it.text)).collect())
}

#[test]
fn what_is_good_is_read_beside_what_is_bad() {
    let (section, told) =
        read_text("{one: 0, two: 7, list: [{one: 2}, {one: 0}, 5, {two: 3}], tow: 1}");
    let section = section.expect("a section");
    assert_eq!((section.one.get(), section.two.get().map(|it| it.get())), (None, Some(7)));
    let indexes: Vec<usize> = section.list.indexed().map(|(index, _)| index).collect();
    assert_eq!(indexes, [0, 1, 3], "a bad element keeps its place");
    let mut told = told;
    told.sort();
    assert_eq!(
        told,
        [
            "list[1].one: 0 is outside 1..9",
            "list[2]: is a number, not a mapping of keys",
            "one: 0 is outside 1..9",
            "tow: unknown key; did you mean `two`?",
        ]
    );
}

#[test]
fn choices_say_what_they_could_be() {
    let told = |choice: &str| read_text(&format!("choice: {choice}")).1;
    let choice = |text: &str| read_text(&format!("choice: {text}")).0.and_then(|it| it.choice);
    assert_eq!(choice("plain"), Some(Choice::Plain));
    assert!(matches!(choice("{number: 3}"), Some(Choice::Number(_))));
    assert_eq!(told("nonsense"), ["choice: \"nonsense\" is not `plain` or `number` or `other`"]);
    assert_eq!(told("5"), ["choice: is a number, not `plain` or `number` or `other`"]);
    assert_eq!(told("{}"), ["choice: is not `plain` or `number` or `other`"]);
    assert_eq!(told("{numbre: 3}"), ["choice.numbre: unknown key; did you mean `number`?"]);
    assert_eq!(told("{number: 0}"), ["choice.number: 0 is outside 1..9"]);
    assert_eq!(told("number"), ["choice: `number` needs more: `{number: ..}`"]);
    assert_eq!(told("{plain: 3}"), ["choice.plain: takes nothing; write `plain` alone"]);
    assert_eq!(told("{other: {a: 1}}"), ["choice.other: not in this version"]);
    assert_eq!(told("other"), ["choice: `other`: not in this version"]);
    for (given, kind) in [("some", "text"), ("false", "a truth value"), ("", "empty")] {
        let told = format!("word: is {kind}, not a number or `none`");
        assert_eq!(read_text(&format!("word: {given}")).1, [told]);
    }
}

#[test]
fn a_long_list_of_bad_elements_is_read_in_few_rounds() {
    let text = format!("list: [{}]", "{one: 0, two: x, x: y},".repeat(20_000));
    let (section, told) = read_text(&text);
    assert_eq!(section.map(|it| it.list.iter().count()), Some(20_000));
    assert_eq!(told.last().map(String::as_str), Some(": and 59900 more of this kind"));
}
