//! `req_pq` and its answer, byte by byte.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// The answer that <https://core.telegram.org/mtproto/samples-auth_key> publishes.
const CAPTURED: &str = "\
    00 00 00 00 00 00 00 00 01 C8 83 1E C9 7A E5 51 \
    40 00 00 00 63 24 16 05 3E 05 49 82 8C CA 27 E9 \
    66 B3 01 A4 8F EC E2 FC A5 CF 4D 33 F4 A1 1E A8 \
    77 BA 4A A5 73 90 73 30 08 17 ED 48 94 1A 08 F9 \
    81 00 00 00 15 C4 B5 1C 01 00 00 00 21 6B E8 6C \
    02 2B B4 C3";

fn captured() -> ResPq {
    ResPq {
        nonce: *hex("3E0549828CCA27E966B301A48FECE2FC").first_chunk().expect("16 bytes"),
        server_nonce: *hex("A5CF4D33F4A11EA877BA4AA573907330").first_chunk().expect("16 bytes"),
        pq: 0x17ed_4894_1a08_f981,
        fingerprints: vec![0xc3b4_2b02_6ce8_6b21],
    }
}

#[test]
fn the_published_answer_is_read_and_written() {
    let bytes = hex(CAPTURED);
    assert_eq!(bytes.len(), 84);
    assert_eq!(ResPq::parse(&bytes, 0), Some(captured()));
    assert_eq!(captured().to_bytes(0x51e5_7ac9_1e83_c801), bytes);
}

#[test]
fn the_question_is_read_and_written() {
    let question = ReqPq { msg_id: 0x5e0b_700a_0000_0000, nonce: [7; 16] };
    let bytes = hex("0000000000000000 000000000a700b5e 14000000 f18e7ebe \
                     07070707070707070707070707070707");
    assert_eq!(question.to_bytes()[..], bytes);
    assert_eq!(ReqPq::parse(&bytes, 0), Some(question));
    let mut elder = bytes.clone();
    elder[20..24].copy_from_slice(&hex("78974660"));
    assert_eq!(ReqPq::parse(&elder, 0), Some(question));
    let padded = [bytes.as_slice(), &[9; 15]].concat();
    assert_eq!(ReqPq::parse(&padded, 15), Some(question));
    assert_eq!(ReqPq::parse(&padded, 14), None);
    for changed in [0, 7, 16, 17, 20, 23] {
        let mut bytes = bytes.clone();
        bytes[changed] ^= 1;
        assert_eq!(ReqPq::parse(&bytes, 0), None, "byte {changed}");
    }
}

#[test]
fn an_answer_that_is_longer_shorter_or_other_is_none() {
    let whole = hex(CAPTURED);
    for length in 0..whole.len() {
        assert_eq!(ResPq::parse(&whole[..length], 15), None, "{length} bytes");
    }
    assert_eq!(ResPq::parse(&[whole.as_slice(), &[0]].concat(), 0), None);
    // Key id, length of the message, constructor, length and padding of pq, vector, count.
    let fixed = (0..8).chain(16..24).chain([56]).chain(65..76);
    for at in fixed {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        assert_eq!(ResPq::parse(&bytes, 0), None, "byte {at}");
    }
}

#[test]
fn there_are_one_to_64_fingerprints() {
    for (count, fits) in [(0, false), (1, true), (3, true), (64, true), (65, false)] {
        let answer = ResPq { fingerprints: vec![5; count], ..captured() };
        let bytes = answer.to_bytes(1);
        assert_eq!(ResPq::parse(&bytes, 0).is_some(), fits, "{count}");
        if count == MOST_FINGERPRINTS {
            assert_eq!(bytes.len(), ResPq::LONGEST);
        }
    }
}

#[test]
fn a_count_beyond_the_message_is_refused() {
    let mut bytes = hex(CAPTURED);
    bytes[72..76].fill(0xff);
    assert_eq!(ResPq::parse(&bytes, 0), None);
}

#[test]
fn message_ids_are_seconds_and_a_fraction_and_divisible_by_four() {
    let second = Duration::from_secs(0x5e0b_700a);
    assert_eq!(message_id(second), 0x5e0b_700a_0000_0000);
    assert_eq!(message_id(second + Duration::from_millis(500)), 0x5e0b_700a_8000_0000);
    let last = message_id(second + Duration::from_nanos(999_999_999));
    assert_eq!((last >> 32, last % 4), (0x5e0b_700a, 0));
}

proptest! {
    #[test]
    fn answers_are_read_as_they_are_written(
        nonce: [u8; 16],
        server_nonce: [u8; 16],
        pq: u64,
        shift in 0_u32..64,
        fingerprints in proptest::collection::vec(any::<u64>(), 1..=MOST_FINGERPRINTS),
        msg_id: u64,
        padding in 0_usize..=15,
    ) {
        let answer = ResPq { nonce, server_nonce, pq: pq >> shift, fingerprints };
        let mut bytes = answer.to_bytes(msg_id);
        bytes.resize(bytes.len() + padding, 0xa5);
        prop_assert_eq!(ResPq::parse(&bytes, padding), Some(answer));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes: Vec<u8>, padding in 0_usize..=15) {
        // None is an answer by chance: its constructors alone are eight bytes.
        prop_assert_eq!(ResPq::parse(&bytes, padding), None);
        prop_assert_eq!(ReqPq::parse(&bytes, padding), None);
    }
}
