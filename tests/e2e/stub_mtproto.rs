//! Stub DCs and clients that speak MTProto to each other, with nothing between them.

use std::net::SocketAddr;
use std::time::Duration;

use nearpoint::mtproto::{Answer, Secret, Style, Transport};
use nearpoint::stub::{Fault, MtprotoFault, Service, Setup, StubDc};

use crate::support::client::proxy_v2;
use crate::support::mtproto::{Caller, Outcome, Segments};
use crate::support::within;

const DC: u16 = 2;

/// A strict DC that knows two secrets.
fn dc(secrets: &[Secret]) -> (StubDc, SocketAddr) {
    let at = SocketAddr::from(([127, 0, 0, 1], 0));
    let setup = Setup { secrets, ..Setup::default() };
    let stub = StubDc::bind_with(setup, DC, &[(at, Service::Mtproto { strict: true })]);
    let stub = stub.expect("a stub DC");
    let at = stub.local_addrs()[0];
    (stub, at)
}

fn secrets() -> [Secret; 2] {
    let of = |bytes: &[u8]| Secret::new(bytes).expect("a secret");
    [of(&[7; 16]), of(&[&[0xdd][..], &[8; 16]].concat())]
}

/// Every style in which a client of DC `named` may speak.
fn styles(named: i16) -> Vec<Style> {
    let known = secrets();
    let secrets = [None, Some(&known[0]), Some(&known[1])];
    let obfuscated = |inner| secrets.map(|it| Style::obfuscated(inner, it, named).expect("spoken"));
    let all = Transport::ALL;
    all.map(Style::plain).into_iter().chain(all.into_iter().flat_map(obfuscated)).collect()
}

#[tokio::test]
async fn a_dc_is_told_by_its_answer_in_every_style_and_in_all_segments() {
    let (_dc, at) = dc(&secrets());
    let segments = [Segments::Together, Segments::Apart, Segments::CutAt(5), Segments::OneByOne];
    for style in [2, -2, 10_002, -10_002].into_iter().flat_map(styles) {
        for segments in segments {
            let outcome = Caller::new(style.clone()).in_segments(segments).call(at).await;
            assert_eq!(outcome, Outcome::Dc(DC), "{style:?} {segments:?}");
        }
    }
}

#[tokio::test]
async fn a_strict_dc_refuses_who_names_another_one() {
    let (_dc, at) = dc(&secrets());
    for style in styles(-4) {
        let outcome = Caller::new(style.clone()).call(at).await;
        let expected = match style.prologue_len() {
            64 => Outcome::Other(Answer::Error(-444)),
            _ => Outcome::Dc(DC),
        };
        assert_eq!(outcome, expected, "{style:?}");
    }
}

#[tokio::test]
async fn clients_tell_silence_ends_and_resets_apart() {
    let (dc, at) = dc(&[]);
    let caller = || Caller::new(Style::plain(Transport::Abridged));
    // This DC expects no announcement: to it these are first bytes of nobody.
    let announced = caller().announced_by(proxy_v2([192, 0, 2, 1].into()));
    assert!(matches!(announced.call(at).await, Outcome::Closed | Outcome::Reset));

    let faults = [
        (Fault::Mtproto(MtprotoFault::Close), Outcome::Closed),
        (Fault::Mtproto(MtprotoFault::Fingerprints), Outcome::Other(other_fingerprints())),
        (Fault::Reset, Outcome::Reset),
        (Fault::None, Outcome::Dc(DC)),
    ];
    for (fault, expected) in faults {
        dc.set_fault(at, fault).await.expect("a fault");
        assert_eq!(caller().call(at).await, expected, "{fault}");
    }

    within("all are gone", dc.wait_until(at, |it| it.open == 0)).await.expect("a DC");
    let cut = caller();
    let mut session = cut.connect(at).await.expect("a connection");
    within("it is there", dc.wait_until(at, |it| it.open == 1)).await.expect("a DC");
    dc.cut(at).await.expect("cut");
    within("it is gone", dc.wait_until(at, |it| it.open == 0)).await.expect("a DC");
    assert_eq!(session.ask().await, Outcome::Reset);

    dc.set_fault(at, Fault::Mute).await.expect("a fault");
    let impatient = caller().patient_for(Duration::from_millis(50));
    assert_eq!(impatient.call(at).await, Outcome::Silent);
}

fn other_fingerprints() -> Answer {
    let fingerprints = nearpoint::stub::fingerprints_of(DC).map(|it| !it).to_vec();
    Answer::ResPq { fingerprints }
}
