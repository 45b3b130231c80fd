use super::*;
use crate::mtproto::transport::Transport;
use proptest::prelude::*;

const LONGEST: usize = 4096;

/// A frame without its lifetime.
#[derive(Clone, Debug, PartialEq)]
enum Read {
    Payload(Vec<u8>, bool),
    QuickAck(u32),
    Error(i32),
}

/// All frames of some bytes, and the error that ends them.
fn read_all(reader: &mut FrameReader, mut input: &[u8]) -> (Vec<Read>, Option<FrameError>) {
    let mut frames = Vec::new();
    loop {
        let frame = match reader.read(&mut input) {
            Ok(Some(Frame::Payload { bytes, quick_ack })) => {
                Read::Payload(bytes.to_vec(), quick_ack)
            }
            Ok(Some(Frame::QuickAck(token))) => Read::QuickAck(token),
            Ok(Some(Frame::Error(code))) => Read::Error(code),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        };
        frames.push(frame);
    }
}

fn read(transport: Transport, side: Side, bytes: &[u8]) -> (Vec<Read>, Option<FrameError>) {
    read_all(&mut FrameReader::new(transport, side, LONGEST), bytes)
}

fn written(transport: Transport, payload: &[u8], quick_ack: bool, padding: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let done = FrameWriter::new(transport).write(payload, quick_ack, padding, &mut out);
    done.expect("a payload that has a frame");
    out
}

#[test]
fn lengths_are_written_as_documented() {
    let begins = |transport, length, quick_ack, expected: &[u8]| {
        let payload = vec![9; length];
        let frame = written(transport, &payload, quick_ack, &[]);
        assert_eq!(frame[..expected.len()], *expected, "{transport:?} {length}");
        assert_eq!(frame[expected.len()..][..length], payload);
    };
    begins(Transport::Abridged, 126 * 4, false, &[0x7e]);
    begins(Transport::Abridged, 126 * 4, true, &[0xfe]);
    begins(Transport::Abridged, 127 * 4, false, &[0x7f, 0x7f, 0, 0]);
    begins(Transport::Abridged, 127 * 4, true, &[0xff, 0x7f, 0, 0]);
    begins(Transport::Intermediate, 0x204, false, &[4, 2, 0, 0]);
    begins(Transport::Intermediate, 0x204, true, &[4, 2, 0, 0x80]);
    begins(Transport::Padded, 0x204, true, &[4, 2, 0, 0x80]);
    // Length and number of the first frame.
    begins(Transport::Full, 0x204, true, &[0x10, 2, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_frame_of_full_ends_with_the_checksum_of_all_before() {
    let frame = written(Transport::Full, b"12345678", false, &[]);
    let (before, checksum) = frame.split_at(frame.len() - 4);
    assert_eq!(before, b"\x14\0\0\0\0\0\0\x0012345678");
    // CRC-32 as zlib and Ethernet have it.
    assert_eq!(checksum, 0x216f_3c8a_u32.to_le_bytes());
}

#[test]
fn what_has_no_frame_is_not_written() {
    let write = |transport, length: usize| {
        let mut out = Vec::new();
        let done = FrameWriter::new(transport).write(&vec![0; length], false, &[], &mut out);
        assert_eq!(done.is_err(), out.is_empty());
        done
    };
    for transport in Transport::ALL {
        assert_eq!(write(transport, 0), Err(FrameError::TooShort));
        assert_eq!(write(transport, 41), Err(FrameError::Unaligned));
    }
    assert_eq!(write(Transport::Abridged, 4 << 24), Err(FrameError::TooLong));
    assert_eq!(write(Transport::Abridged, (4 << 24) - 4), Ok(()));
}

#[test]
fn only_servers_are_asked_for_quick_acknowledgements_and_only_clients_get_them() {
    let payload = vec![7; 40];
    for transport in [Transport::Abridged, Transport::Intermediate, Transport::Padded] {
        let asks = written(transport, &payload, true, &[]);
        let expected = vec![Read::Payload(payload.clone(), true)];
        assert_eq!(read(transport, Side::Server, &asks), (expected, None));
    }
    let token = Read::QuickAck(0x8102_0304);
    let notes: [(Transport, &[u8]); 4] = [
        (Transport::Abridged, &[0x81, 2, 3, 4]),
        (Transport::Intermediate, &[4, 3, 2, 0x81]),
        (Transport::Padded, &[4, 3, 2, 0x81]),
        (Transport::Padded, &[11, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 4, 3, 2, 0x81, 1, 2, 3]),
    ];
    for (transport, note) in notes {
        assert_eq!(read(transport, Side::Client, note), (vec![token.clone()], None));
        // An answer may follow at once.
        let both = [note, &written(transport, &payload, false, &[])].concat();
        let answer = Read::Payload(payload.clone(), false);
        assert_eq!(read(transport, Side::Client, &both), (vec![token.clone(), answer], None));
    }
}

#[test]
fn an_error_is_four_bytes_and_negative_and_of_a_server() {
    for transport in Transport::ALL {
        let frame = |number: i32| written(transport, &number.to_le_bytes(), false, &[1; 15]);
        let (found, _) = read(transport, Side::Client, &frame(-404));
        assert_eq!(found, [Read::Error(-404)], "{transport:?}");
        for (number, side) in [(404, Side::Client), (-404, Side::Server)] {
            let (found, _) = read(transport, side, &frame(number));
            assert!(matches!(found[..], [Read::Payload(..)]), "{transport:?} {found:?}");
        }
        let long = written(transport, &[0xfe; 20], false, &[]);
        let (found, _) = read(transport, Side::Client, &long);
        assert!(matches!(found[..], [Read::Payload(..)]), "{transport:?} {found:?}");
    }
}

#[test]
fn frames_of_full_have_an_order_and_a_checksum() {
    let mut writer = FrameWriter::new(Transport::Full);
    let mut frames = [Vec::new(), Vec::new()];
    for out in &mut frames {
        writer.write(b"12345678", false, &[], out).expect("a frame");
    }
    let [first, second] = frames;
    let payload = Read::Payload(b"12345678".to_vec(), false);
    let read = |bytes: &[u8]| read(Transport::Full, Side::Server, bytes);
    let both = [first.as_slice(), &second].concat();
    assert_eq!(read(&both), (vec![payload.clone(), payload.clone()], None));
    assert_eq!(read(&second), (vec![], Some(FrameError::OutOfOrder)));
    assert_eq!(
        read(&[first.as_slice(), &first].concat()),
        (vec![payload], Some(FrameError::OutOfOrder))
    );
    for at in 8..first.len() {
        let mut bytes = first.clone();
        bytes[at] ^= 1;
        assert_eq!(read(&bytes), (vec![], Some(FrameError::Checksum)), "byte {at}");
    }
}

#[test]
fn lengths_that_no_frame_has_are_refused_as_soon_as_they_are_there() {
    use FrameError::{TooLong, TooShort, Unaligned};
    let cases: &[(Transport, &[u8], FrameError)] = &[
        (Transport::Abridged, &[0], TooShort),
        (Transport::Abridged, &[0x7f, 1, 4, 0], TooLong),
        (Transport::Abridged, &[0x7f, 0, 0, 0], TooShort),
        (Transport::Abridged, &[0xff, 0xff, 0xff, 0xff], TooLong),
        (Transport::Intermediate, &[3, 0, 0, 0], TooShort),
        (Transport::Intermediate, &[41, 0, 0, 0], Unaligned),
        (Transport::Intermediate, &[4, 0x10, 0, 0], TooLong),
        (Transport::Intermediate, &[0xff, 0xff, 0xff, 0xff], TooLong),
        (Transport::Padded, &[0, 0, 0, 0], TooShort),
        (Transport::Padded, &[0x10, 0x10, 0, 0], TooLong),
        (Transport::Full, &[0, 0, 0, 0], TooShort),
        (Transport::Full, &[12, 0, 0, 0], TooShort),
        (Transport::Full, &[17, 0, 0, 0], Unaligned),
        (Transport::Full, &[0x10, 0x10, 0, 0], TooLong),
        (Transport::Full, &[0xff, 0xff, 0xff, 0xff], TooLong),
    ];
    for (transport, bytes, error) in cases {
        let found = read(*transport, Side::Server, bytes);
        assert_eq!(found, (vec![], Some(*error)), "{transport:?} {bytes:02x?}");
    }
}

#[test]
fn the_longest_payload_is_still_read() {
    for transport in Transport::ALL {
        let payload = vec![1; LONGEST];
        let frame = written(transport, &payload, false, &[2; 15]);
        let (found, error) = read(transport, Side::Server, &frame);
        let [Read::Payload(found, false)] = &found[..] else { panic!("{transport:?} {error:?}") };
        assert!(found.starts_with(&payload));
    }
}

fn transports() -> impl Strategy<Value = Transport> {
    proptest::sample::select(Transport::ALL.to_vec())
}

fn sides() -> impl Strategy<Value = Side> {
    proptest::sample::select(vec![Side::Client, Side::Server])
}

proptest! {
    #[test]
    fn payloads_are_read_as_they_are_written(
        transport in transports(),
        messages in proptest::collection::vec((5_usize..200, any::<u8>(), any::<bool>(), 0_usize..=15), 0..5),
        pieces in proptest::collection::vec(1_usize..50, 1..20),
    ) {
        let (mut writer, mut bytes) = (FrameWriter::new(transport), Vec::new());
        let mut expected = Vec::new();
        for (words, byte, quick_ack, padding) in messages {
            let (mut payload, padding) = (vec![byte; words * 4], vec![!byte; padding]);
            writer.write(&payload, quick_ack, &padding, &mut bytes).expect("a frame");
            if transport == Transport::Padded {
                payload.extend(padding);
            }
            expected.push(Read::Payload(payload, quick_ack && transport != Transport::Full));
        }
        let mut reader = FrameReader::new(transport, Side::Server, LONGEST);
        let (mut found, mut rest) = (Vec::new(), bytes.as_slice());
        let mut pieces = pieces.iter().cycle();
        while !rest.is_empty() {
            let length = pieces.next().expect("a cycle has no end");
            let (piece, behind) = rest.split_at((*length).min(rest.len()));
            let (frames, error) = read_all(&mut reader, piece);
            prop_assert_eq!(error, None);
            found.extend(frames);
            rest = behind;
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_bytes_are_read_alike_in_any_pieces_and_fill_no_memory(
        transport in transports(),
        side in sides(),
        bytes in proptest::collection::vec(
            prop_oneof![4 => 0_u8..4, 1 => Just(0x7f), 1 => Just(0xff), 2 => any::<u8>()], 0..400),
        longest in 0_usize..64,
        pieces in proptest::collection::vec(1_usize..9, 1..20),
    ) {
        let (whole, end) = read_all(&mut FrameReader::new(transport, side, longest), &bytes);
        let mut reader = FrameReader::new(transport, side, longest);
        let (mut found, mut rest, mut error) = (Vec::new(), bytes.as_slice(), None);
        let mut pieces = pieces.iter().cycle();
        while !rest.is_empty() && error.is_none() {
            let length = pieces.next().expect("a cycle has no end");
            let (piece, behind) = rest.split_at((*length).min(rest.len()));
            let (frames, failed) = read_all(&mut reader, piece);
            found.extend(frames);
            (rest, error) = (behind, failed);
            prop_assert!(reader.held() <= longest + MOST_PADDING + FULL_HEAD + FULL_TAIL);
        }
        prop_assert_eq!((found, error), (whole, end));
    }
}
