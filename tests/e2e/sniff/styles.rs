//! Every kind of client, in every kind of pieces.

use super::*;

/// How a client begins, and where it goes from a listener that trusts, and has Singapore for clients that
/// name no DC.
struct Begins {
    client: &'static str,
    sent: Vec<u8>,
    dc: u16,
}

/// What the clients of the network send, with a secret and without: `docs/mtproto.md` has the table.
fn styles() -> Vec<Begins> {
    use Transport::{Abridged, Full, Intermediate, Padded};
    // 16 bytes ask for no padding.
    let [unpadded, padded] = [&SECRET[2..], SECRET].map(secret);
    let obfuscated = |transport, secret, dc| {
        opening(&Style::obfuscated(transport, secret, dc).expect("no fake TLS"))
    };
    let (ams, media, random) = (2, -2, -2768);
    [
        ("TDLib", obfuscated(Intermediate, None, ams), AMSTERDAM),
        ("TDLib, media", obfuscated(Intermediate, None, media), AMSTERDAM),
        ("TDLib, secret", obfuscated(Intermediate, Some(&padded), ams), AMSTERDAM),
        ("Desktop", obfuscated(Abridged, None, 1), MIAMI),
        ("Desktop, secret", obfuscated(Abridged, Some(&padded), -1), MIAMI),
        ("Android, random bytes for a DC", obfuscated(Abridged, None, random), SINGAPORE),
        ("Android, secret", obfuscated(Abridged, Some(&unpadded), ams), AMSTERDAM),
        ("Android, padded secret, media", obfuscated(Abridged, Some(&padded), media), AMSTERDAM),
        ("Telethon", opening(&Style::plain(Full)), SINGAPORE),
        ("Telethon, abridged", opening(&Style::plain(Abridged)), SINGAPORE),
        ("Telethon, obfuscated", obfuscated(Abridged, None, random), SINGAPORE),
        ("Telethon, secret", obfuscated(Intermediate, Some(&unpadded), 1), MIAMI),
        ("grammers", opening(&Style::plain(Full)), SINGAPORE),
        ("mtcute", opening(&Style::plain(Intermediate)), SINGAPORE),
        ("mtcute, secret", obfuscated(Intermediate, Some(&padded), 1), MIAMI),
        ("Kurigram", opening(&Style::plain(Abridged)), SINGAPORE),
        ("GramJS", opening(&Style::plain(Full)), SINGAPORE),
        ("padded and plain", opening(&Style::plain(Padded)), SINGAPORE),
        ("HTTP", b"POST /api HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_vec(), SINGAPORE),
    ]
    .map(|(client, sent, dc)| Begins { client, sent, dc })
    .into()
}

#[tokio::test]
async fn every_client_reaches_the_dc_that_it_names_in_whatever_pieces_it_speaks() {
    let lab = Lab::new(1);
    let route = format!("secrets: [{SECRET}], trust_plain_dc: known, unknown: {{dc: 5}}");
    lab.configure(&[("listeners", &listener(&route, ""))]);
    let edge = lab.start().await;
    for Begins { client, sent, dc } in styles() {
        let mut cuts: Vec<Vec<usize>> = vec![
            vec![],
            // The tag alone, as one that writes it by itself; an obfuscated header without its end.
            vec![1],
            vec![4],
            vec![8, 40, 63],
            vec![64],
        ];
        cuts.push((1..sent.len()).collect());
        for cuts in cuts {
            let who = within(client, in_pieces(&edge, &sent, &cuts)).await;
            assert_eq!(who.dc, dc, "{client}, cut at {cuts:?}");
        }
    }
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.sum("refused_total", &[]), 0.0);
    assert_eq!(sniffed(&scrape, "short"), 0.0);
}

/// Sends what lies between cuts in segments of their own.
async fn in_pieces(edge: &Edge, sent: &[u8], cuts: &[usize]) -> Whoami {
    let mut session = Client::plain(edge.clients()).await.expect("connected");
    let mut from = 0;
    for to in cuts.iter().copied().filter(|cut| *cut < sent.len()).chain([sent.len()]) {
        session.send(&sent[from..to]).await.expect("sent");
        from = to;
        // The daemon, whose threads are others, may look at it.
        tokio::task::yield_now().await;
    }
    let who = session.who().await.expect("a session");
    session.hear(sent).await.expect("the DC got every byte, in order");
    session.echo(b"and more").await.expect("what follows, too");
    session.finish().await.expect("an orderly end");
    who
}
