mod misroutes;

use std::convert::Infallible;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::forward::fixture::pair;
use crate::mtproto::{Obfuscation, Random, Transport};

/// Longer than any of these tests lives.
const PATIENT: Duration = Duration::from_secs(3600);

/// A word that is random, the same in every run (SplitMix64).
struct Words(u64);

impl Words {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// What a client of the obfuscated transport begins with.
    fn header(&mut self, transport: Transport, dc: i16, secret: Option<&Secret>) -> [u8; HEADER] {
        let Ok(random) = Random::draw(|bytes| {
            for chunk in bytes.chunks_mut(8) {
                chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
            }
            Ok::<(), Infallible>(())
        });
        Obfuscation::connect(&random, transport, dc, secret).1
    }
}

fn secret(byte: u8) -> Secret {
    Secret::new(&[byte; 16]).expect("16 bytes are a secret")
}

fn sniffer(secrets: &[Secret], timeout: Duration) -> Sniffer {
    let metrics = SniffMetrics::resolve(&Metrics::new("edge-1"), "clients");
    Sniffer { secrets: secrets.into(), timeout, metrics }
}

/// What is heard of a client that sends this in pieces of so many bytes, and that all of it stays.
async fn heard(sniffer: &Sniffer, sent: &[u8], piece: usize) -> Heard {
    let (mut client, mut accepted) = pair().await;
    let speak = async {
        for piece in sent.chunks(piece) {
            client.write_all(piece).await.expect("written");
            tokio::task::yield_now().await;
        }
        client.shutdown().await.expect("ended");
    };
    let (heard, ()) = tokio::join!(sniffer.hear(&accepted), speak);
    let mut left = Vec::new();
    accepted.read_to_end(&mut left).await.expect("read");
    assert_eq!(left, sent, "every byte is still there, in order");
    heard
}

#[tokio::test]
async fn what_is_heard_does_not_depend_on_the_pieces_in_which_it_comes() {
    let sniffer = sniffer(&[secret(1), secret(2)], PATIENT);
    let mut words = Words(1);
    let proved = words.header(Transport::Padded, -4, Some(&secret(2)));
    let hint = words.header(Transport::Abridged, 10_002, None);
    let foreign = words.header(Transport::Padded, 4, Some(&secret(3)));
    let full = [&52_u32.to_le_bytes()[..], &[0; 48]].concat();
    let named = |id, proved| Some(NamedDc { id, proved });
    for (begins, result, dc) in [
        (&proved[..], SniffResult::Proved, named(-4, true)),
        (&hint[..], SniffResult::Hint, named(10_002, false)),
        (&foreign[..], SniffResult::Unrecognised, None),
        (&[0xef], SniffResult::Plain, None),
        (&[0xee; 4], SniffResult::Plain, None),
        (&[0xdd; 4], SniffResult::Plain, None),
        (&full, SniffResult::Plain, None),
        (b"POST /api HTTP/1.1\r\n", SniffResult::Http, None),
        (&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc], SniffResult::Tls, None),
        (&[7; 64], SniffResult::Unrecognised, None),
    ] {
        for more in [&b""[..], &[0x5a; 300]] {
            let sent = [begins, more].concat();
            for piece in [1, 7, 60, 64, sent.len()] {
                let heard = heard(&sniffer, &sent, piece).await;
                assert_eq!((heard.result(), heard.named_dc()), (result, dc), "{sent:02x?}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_ends_too_early_decides_by_what_is_there() {
    let sniffer = sniffer(&[], PATIENT);
    let header = Words(2).header(Transport::Intermediate, 2, None);
    for cut in [1, 2, 8, 63] {
        assert_eq!(heard(&sniffer, &header[..cut], 100).await, Heard::TooLittle, "{cut}");
    }
    assert_eq!(heard(&sniffer, &[], 100).await, Heard::Nothing);
    assert_eq!(heard(&sniffer, &header, 100).await.result(), SniffResult::Hint);
}

#[tokio::test]
async fn a_client_that_stops_talking_is_waited_for_so_long() {
    let sniffer = sniffer(&[], Duration::from_millis(50));
    let (mut client, mut accepted) = pair().await;
    assert_eq!(sniffer.hear(&accepted).await, Heard::Nothing);
    client.write_all(&[9; 10]).await.expect("written");
    let heard = sniffer.hear(&accepted).await;
    assert_eq!((heard, heard.result()), (Heard::TooLittle, SniffResult::Short));
    client.write_all(&[9; 5]).await.expect("written");
    let mut left = [0; 15];
    accepted.read_exact(&mut left).await.expect("who reads later is told of what came before");
    assert_eq!(left, [9; 15]);
}

#[tokio::test]
async fn a_header_that_came_in_time_counts_for_a_worker_that_is_late() {
    let sniffer = sniffer(&[], Duration::ZERO);
    let (mut client, accepted) = pair().await;
    let header = Words(3).header(Transport::Intermediate, 2, None);
    client.write_all(&header).await.expect("written");
    while net::peek(&accepted, &mut [0; HEADER]).unwrap_or_default() < HEADER {
        std::thread::yield_now();
    }
    assert_eq!(sniffer.hear(&accepted).await.result(), SniffResult::Hint);
}

#[tokio::test]
async fn of_a_client_that_is_gone_nothing_is_heard() {
    let (client, accepted) = pair().await;
    net::reset_on_close(&client);
    drop(client);
    assert_eq!(sniffer(&[], PATIENT).hear(&accepted).await, Heard::Nothing);
}
