use super::*;

fn parse(text: &str) -> Result<Node, SyntaxError> {
    Document::parse(text.as_bytes(), 1 << 20).map(|document| document.root)
}

fn refusal(text: &str) -> String {
    parse(text).expect_err("a bad document").text
}

#[test]
fn yaml_and_json_make_the_same_tree() {
    let yaml = parse("a: [1, 2.5, x, true, null]\nb: {c: -3}").expect("YAML");
    let json = parse(r#" {"a": [1, 2.5, "x", true, null], "b": {"c": -3}}"#).expect("JSON");
    assert_eq!(yaml, json);
    // A surrogate pair is JSON only, a bare word in brackets YAML only.
    assert_eq!(
        parse(r#"["\ud83d\ude00"]"#).expect("JSON"),
        Node::List(vec![Node::Text("\u{1f600}".to_owned())])
    );
    assert_eq!(parse("[bare]").expect("YAML"), Node::List(vec![Node::Text("bare".to_owned())]));
    assert_eq!(parse("").expect("nothing"), Node::Null);
    assert_eq!(parse("\u{feff}{}").expect("a mark"), Node::Map(Vec::new()));
}

#[test]
fn aliases_may_repeat_but_not_explode() {
    let shared = parse("a: &x {b: 1}\nc: *x").expect("an alias");
    let Node::Map(entries) = shared else {
        panic!("a mapping");
    };
    assert_eq!(entries[0].1, entries[1].1);

    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let text = refusal(&laughs);
    assert!(text.contains("repeat more than the document holds"), "{text}");

    let quadratic = format!("a: &a {}\nb: [{}]", "x".repeat(100_000), "*a,".repeat(100_000));
    let text = refusal(&quadratic);
    assert!(text.contains("repeat more than the document holds"), "{text}");
}

#[test]
fn nesting_and_size_are_bounded() {
    for open in ["[", "{a: ", "- "] {
        let text = refusal(&open.repeat(200_000));
        assert!(text.contains("limit") || text.contains("nests"), "{text}");
    }
    assert!(parse(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).is_ok());
    let error = Document::parse(&vec![b' '; (1 << 20) + 1], 1 << 20).err();
    assert_eq!(error.map(|error| error.text), Some("is larger than 1 MiB".to_owned()));
}

#[test]
fn what_is_no_document_is_told_with_its_line() {
    let line = |bytes: &[u8]| Document::parse(bytes, 100).err().and_then(|error| error.line);
    assert_eq!(line(b"a: 1\nb: [\n"), Some(3));
    assert_eq!(line(b"a: 1\nb: \xff"), Some(2));
    assert_eq!(line(b"a: 1\n---\nb: 1\n"), None);
    assert!(refusal("a: 1\n---\nb: 1\n").contains("more than one document"));
    assert!(refusal("a: !secret x").contains("tag"));
    assert!(refusal("a: *unknown").contains("anchor"));
}

#[test]
fn lines_are_found_by_path_until_the_budget_is_spent() {
    let text = "a:\n  - x\n  - b: 1\n    c:\n      d: 2\n";
    let document = Document::parse(text.as_bytes(), 100).expect("a document");
    let element = KeyPath::default().key("a").index(1);
    assert_eq!(document.line_of(&KeyPath::default().key("a")), Some(1));
    assert_eq!(document.line_of(&element), Some(3));
    assert_eq!(document.line_of(&element.key("c")), Some(4));
    assert_eq!(document.line_of(&element.key("c").key("d")), Some(5));
    assert_eq!(document.line_of(&element.key("missing")), Some(3), "where it would be");
    document.line_budget.set(10);
    assert_eq!(document.line_of(&element), None);
}
