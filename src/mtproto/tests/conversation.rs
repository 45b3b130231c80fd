//! Whole conversations, in whatever pieces they arrive.

use super::*;
use proptest::prelude::*;

const NONCE: Nonce = [0x31; 16];

/// Every style there is.
fn styles() -> Vec<(Style, Vec<Secret>)> {
    let plain = Transport::ALL.map(|transport| (Style::plain(transport), Vec::new()));
    let secrets = [None, Some(secret(&[])), Some(secret(&[0xdd]))];
    let obfuscated = secrets.iter().flat_map(|secret| {
        Transport::ALL.map(|inner| {
            let style = Style::obfuscated(inner, secret.as_ref(), -2).expect("it is spoken");
            (style, secret.iter().cloned().collect())
        })
    });
    plain.into_iter().chain(obfuscated).collect()
}

/// The server's end of a conversation, as bytes arrive.
struct Server {
    secrets: Vec<Secret>,
    read: Vec<u8>,
    codec: Option<Codec>,
    asked: Vec<ReqPq>,
}

impl Server {
    fn new(secrets: Vec<Secret>) -> Self {
        Self { secrets, read: Vec::new(), codec: None, asked: Vec::new() }
    }

    fn on_bytes(&mut self, bytes: &[u8]) {
        self.read.extend(bytes);
        let mut input = self.read.as_slice();
        if self.codec.is_none() {
            let Sniffed::Decided(first) = sniff(input, &self.secrets) else { return };
            self.codec = Codec::accept(first, &mut input, &self.secrets, 1024);
        }
        let codec = self.codec.as_mut().expect("a style that is spoken");
        let padding = codec.padding();
        while let Some(frame) = codec.receive(&mut input).expect("frames") {
            let Frame::Payload { bytes, quick_ack: false } = frame else { panic!("{frame:?}") };
            self.asked.push(ReqPq::parse(bytes, padding).expect("a question"));
        }
        self.read.clear();
    }

    fn send(&mut self, payload: &[u8], padding: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let codec = self.codec.as_mut().expect("it was spoken to");
        codec.send(payload, padding, &mut out).expect("a payload that has a frame");
        out
    }
}

fn answer(nonce: Nonce) -> Vec<u8> {
    ResPq { nonce, server_nonce: [2; 16], pq: 15, fingerprints: vec![3, u64::MAX] }.to_bytes(1)
}

/// A question that a server has read.
fn asked(style: &Style, secrets: Vec<Secret>) -> (Question, Server) {
    let question = Question::new(style, NONCE, 8, &random_from(&[]));
    let mut server = Server::new(secrets);
    server.on_bytes(question.opening());
    assert_eq!(server.asked, [ReqPq { msg_id: 8, nonce: NONCE }], "{style:?}");
    (question, server)
}

#[test]
fn padded_secrets_pad_and_full_is_never_obfuscated() {
    let style = |inner, secret: Option<&Secret>| Style::obfuscated(inner, secret, 2);
    for inner in Transport::ALL {
        let padded = style(inner, Some(&secret(&[0xdd]))).expect("it is spoken");
        assert_eq!(padded.transport(), Transport::Padded);
        let fake = Secret::new(&[0xee; 30]).expect("a secret");
        assert_eq!(style(inner, Some(&fake)), None);
    }
    let full = style(Transport::Full, None).expect("it is spoken");
    assert_eq!(full.transport(), Transport::Intermediate);
}

#[test]
fn answers_of_every_kind_are_told_apart_in_every_style() {
    let foreign = [answer(NONCE).repeat(2), vec![0; 4], vec![1; 40], vec![0; 500]];
    for (style, secrets) in styles() {
        let ours = Answer::ResPq { fingerprints: vec![3, u64::MAX] };
        let cases = [(answer(NONCE), ours), (answer([9; 16]), Answer::OtherNonce)]
            .into_iter()
            .chain(
                [-404, -429, -444, i32::MIN]
                    .map(|code| (code.to_le_bytes().to_vec(), Answer::Error(code))),
            )
            .chain(foreign.iter().map(|payload| (payload.clone(), Answer::Foreign)));
        for (payload, expected) in cases {
            for padding in [0, 15] {
                let (mut question, mut server) = asked(&style, secrets.clone());
                let reply = server.send(&payload, &vec![0x99; padding]);
                assert_eq!(question.on_bytes(&reply), Some(expected.clone()), "{style:?}");
                // The rest is not looked at.
                assert_eq!(question.on_bytes(&reply), None);
            }
        }
    }
}

#[test]
fn an_echo_is_foreign() {
    for (style, _) in styles() {
        let mut question = Question::new(&style, NONCE, 8, &random_from(&[]));
        let echo = question.opening().to_vec();
        // What an echo decrypts to is as good as random: it may announce a frame that never ends.
        let answer = question.on_bytes(&echo);
        assert!(matches!(answer, None | Some(Answer::Foreign)), "{style:?}: {answer:?}");
        if style.prologue_len() < HEADER {
            assert_eq!(answer, Some(Answer::Foreign), "{style:?}");
        }
    }
}

#[test]
fn an_error_in_full_counts_without_a_frame() {
    let mut question = Question::new(&Style::plain(Transport::Full), NONCE, 8, &random_from(&[]));
    assert_eq!(question.on_bytes(&(-429_i32).to_le_bytes()), Some(Answer::Error(-429)));
    let mut question = Question::new(&Style::plain(Transport::Full), NONCE, 8, &random_from(&[]));
    assert_eq!(question.on_bytes(&[0, 0, 0, 0x80]), Some(Answer::Foreign));
}

#[test]
fn two_questions_in_one_piece_are_two() {
    for (style, secrets) in styles() {
        let mut out = Vec::new();
        let mut client = Codec::connect(&style, &random_from(&[]), 1024, &mut out);
        for msg_id in [4, 8] {
            let question = ReqPq { msg_id, nonce: NONCE }.to_bytes();
            client.send(&question, &[7; 15], &mut out).expect("a frame");
        }
        let mut server = Server::new(secrets);
        server.on_bytes(&out);
        let numbers: Vec<u64> = server.asked.iter().map(|it| it.msg_id).collect();
        assert_eq!(numbers, [4, 8], "{style:?}");
    }
}

#[test]
fn nothing_that_is_shown_holds_keys() {
    let style = Style::obfuscated(Transport::Abridged, Some(&secret(&[])), 2).expect("a style");
    let shown =
        format!("{style:?} {:?}", Codec::connect(&style, &random_from(&[]), 64, &mut Vec::new(),));
    assert!(shown.contains("redacted") && shown.contains("Obfuscation { .. }"), "{shown}");
    assert!(!shown.contains("221") && !shown.contains("dd"), "{shown}");
}

/// Cuts of a text of bytes, and what is between them.
fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn every_style_makes_the_round_trip_in_any_pieces(
        index: prop::sample::Index,
        bytes: [u8; Random::LEN],
        there: Vec<prop::sample::Index>,
        back: Vec<prop::sample::Index>,
        nonce: Nonce,
        msg_id: u64,
    ) {
        let styles = styles();
        let (style, secrets) = index.get(&styles);
        let Some(random) = Random::new(&bytes) else { return Ok(()) };
        let mut question = Question::new(style, nonce, msg_id, &random);
        let mut server = Server::new(secrets.clone());
        for piece in pieces(question.opening(), &there) {
            server.on_bytes(piece);
        }
        prop_assert_eq!(&server.asked, &[ReqPq { msg_id, nonce }]);
        let reply = server.send(&answer(nonce), &bytes[..usize::from(bytes[0]) % 16]);
        let pieces = pieces(&reply, &back);
        let mut answers = pieces.into_iter().map(|piece| question.on_bytes(piece));
        let found = answers.find_map(|answer| answer);
        prop_assert_eq!(found, Some(Answer::ResPq { fingerprints: vec![3, u64::MAX] }));
    }

    #[test]
    fn any_answer_is_taken_without_harm_and_alike_in_any_pieces(
        index: prop::sample::Index, bytes: Vec<u8>, cuts: Vec<prop::sample::Index>,
    ) {
        let styles = styles();
        let (style, _) = index.get(&styles);
        let question = || Question::new(style, NONCE, 8, &random_from(&[]));
        let (mut whole, mut parts) = (question(), question());
        let pieces = pieces(&bytes, &cuts);
        let answer = pieces.into_iter().find_map(|piece| parts.on_bytes(piece));
        prop_assert_eq!(whole.on_bytes(&bytes), answer);
    }
}
