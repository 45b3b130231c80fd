//! Against connections whose every byte is known.

use super::*;
use crate::mtproto::keys::Keys;

const VECTORS: &str = include_str!("../../../tests/data/obfuscated2-vectors.json");

#[derive(serde::Deserialize)]
struct Vector {
    transport: String,
    dc: i16,
    secret: Option<String>,
    init_plain: String,
    key: String,
    iv: String,
    reply_key: String,
    reply_iv: String,
    header_on_wire: String,
    req_pq_frame_plain: String,
    req_pq_frame_on_wire: String,
}

impl Vector {
    fn all() -> Vec<Self> {
        let all: Vec<Self> = serde_json::from_str(VECTORS).expect("vectors");
        assert_eq!(all.len(), 3);
        all
    }

    fn transport(&self) -> Transport {
        let named = Transport::ALL.into_iter().find(|it| it.as_str() == self.transport);
        named.expect("a transport")
    }

    fn secrets(&self) -> Vec<Secret> {
        self.secret.iter().map(|text| Secret::new(&hex(text)).expect("a secret")).collect()
    }

    fn wire(&self) -> [u8; HEADER] {
        hex(&self.header_on_wire).try_into().expect("64 bytes")
    }
}

/// The question of all vectors.
const QUESTION: ReqPq = ReqPq {
    msg_id: 0x5e0b_700a_0000_0000,
    nonce: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
};

#[test]
fn headers_and_keys_are_those_of_the_vectors() {
    for vector in Vector::all() {
        let secrets = vector.secrets();
        let plain = hex(&vector.init_plain);
        let (_, header) = Obfuscation::connect(
            &random_from(&plain),
            vector.transport(),
            vector.dc,
            secrets.first(),
        );
        assert_eq!(header, vector.wire());
        assert_eq!(plain[56..60], vector.transport().tag());
        for header in [&header, plain.first_chunk().expect("64 bytes")] {
            let (sent, heard) = (
                Keys::of_client(header, secrets.first()),
                Keys::of_server(header, secrets.first()),
            );
            assert_eq!((&sent.key[..], &sent.iv[..]), (&*hex(&vector.key), &*hex(&vector.iv)));
            let reply = (hex(&vector.reply_key), hex(&vector.reply_iv));
            assert_eq!((&heard.key[..], &heard.iv[..]), (&*reply.0, &*reply.1));
        }
    }
}

#[test]
fn sniffing_the_vectors_tells_transport_dc_and_secret() {
    for vector in Vector::all() {
        let secrets = vector.secrets();
        let header = Header {
            transport: vector.transport(),
            dc: vector.dc,
            secret: vector.secret.as_ref().map(|_| 0),
        };
        let found = sniff(&vector.wire(), &secrets);
        assert_eq!(found, Sniffed::Decided(FirstBytes::Obfuscated(header)));
        if vector.secret.is_some() {
            let found = sniff(&vector.wire(), &[]);
            assert_eq!(found, Sniffed::Decided(FirstBytes::Unrecognised));
        }
    }
}

#[test]
fn frames_are_those_of_the_vectors_in_clear_and_on_the_wire() {
    for vector in Vector::all() {
        let secrets = vector.secrets();
        let (transport, plain) = (vector.transport(), hex(&vector.req_pq_frame_plain));
        let mut frame = Vec::new();
        let written =
            FrameWriter::new(transport).write(&QUESTION.to_bytes(), false, &[], &mut frame);
        assert_eq!((written, &frame), (Ok(()), &plain));
        let wire = hex(&vector.req_pq_frame_on_wire);
        let (mut server, _) = Obfuscation::accept(&vector.wire(), &secrets).expect("it fits");
        let mut heard = wire.clone();
        server.decrypt(&mut heard);
        assert_eq!(heard, plain);
        let style = Style::obfuscated(transport, secrets.first(), vector.dc).expect("a style");
        let random = random_from(&hex(&vector.init_plain));
        let question = Question::new(&style, QUESTION.nonce, QUESTION.msg_id, &random);
        assert_eq!(question.opening(), [&vector.wire()[..], &wire].concat());
    }
}

#[test]
fn replies_are_hidden_by_the_other_stream() {
    for vector in Vector::all() {
        let secrets = vector.secrets();
        let random = random_from(&hex(&vector.init_plain));
        let (mut client, header) =
            Obfuscation::connect(&random, vector.transport(), vector.dc, secrets.first());
        let (mut server, _) = Obfuscation::accept(&header, &secrets).expect("it fits");
        let mut expected = [0x42; 100];
        let reply = Keys {
            key: hex(&vector.reply_key).try_into().expect("32 bytes"),
            iv: hex(&vector.reply_iv).try_into().expect("16 bytes"),
        };
        for (number, block) in (0..).zip(expected.chunks_mut(16)) {
            let stream = reply.keystream_block(number);
            block.iter_mut().zip(stream).for_each(|(byte, key)| *byte ^= key);
        }
        let mut sent = [0x42; 100];
        // In two calls: the stream goes on in the middle of a block.
        let (first, second) = sent.split_at_mut(37);
        server.encrypt(first);
        server.encrypt(second);
        assert_eq!(sent, expected);
        client.decrypt(&mut sent);
        assert_eq!(sent, [0x42; 100]);
    }
}

#[test]
fn the_counter_wraps_at_128_bits() {
    let mut header = [0x55; HEADER];
    header[40..56].fill(0xff);
    let (_, wire) = Obfuscation::connect(&random_from(&header), Transport::Abridged, -3, None);
    let said = Header { transport: Transport::Abridged, dc: -3, secret: None };
    assert_eq!(sniff(&wire, &[]), Sniffed::Decided(FirstBytes::Obfuscated(said)));
}

#[test]
fn plain_questions_are_as_long_as_documented() {
    let lengths = [
        (Style::plain(Transport::Abridged), 42, "ef 0a"),
        (Style::plain(Transport::Intermediate), 48, "eeeeeeee 28000000"),
        (Style::plain(Transport::Padded), 48, "dddddddd 28000000"),
        (Style::plain(Transport::Full), 52, "34000000 00000000"),
    ];
    let random = random_from(&[]);
    for (style, length, begins) in lengths {
        let question = Question::new(&style, QUESTION.nonce, QUESTION.msg_id, &random);
        let (opening, begins) = (question.opening(), hex(begins));
        assert_eq!(opening.len(), length);
        assert!(opening.starts_with(&begins));
        assert_eq!(opening[begins.len()..][..40], QUESTION.to_bytes());
    }
    // The last 16 of the random bytes: how many there are behind the payload, and which.
    let mut bytes = [0x55; Random::LEN];
    bytes[HEADER..][..4].copy_from_slice(&[0x13, 1, 2, 3]);
    let padded = Random::new(&bytes).expect("bytes that a header may begin with");
    let style = Style::plain(Transport::Padded);
    let question = Question::new(&style, QUESTION.nonce, QUESTION.msg_id, &padded);
    assert_eq!(question.opening()[4], 40 + 3);
    assert_eq!(question.opening()[8 + 40..], [1, 2, 3]);
    let style = Style::obfuscated(Transport::Intermediate, None, 2).expect("a style");
    let question = Question::new(&style, QUESTION.nonce, QUESTION.msg_id, &random);
    assert_eq!((style.prologue_len(), question.opening().len()), (64, 108));
}
