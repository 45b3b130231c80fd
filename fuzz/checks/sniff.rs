//! First bytes of a client: what they come to depends on them, and never on their pieces.
//!
//! An input is: how many secrets are known (one byte); what is sniffed (one byte), which is the rest of
//! the input, or with the highest bit the header of a client, which the rest describes, and all behind it.
//! The lower bits of that byte choose the client's secret. A header is described by its DC (two
//! bytes), its transport (one byte) and its random bytes.

use nearpoint::mtproto::{
    FirstBytes, HEADER, Header, Obfuscation, Random, Secret, Sniffed, Transport, sniff,
};

/// Secrets that a listener may have.
const MOST_SECRETS: u8 = 16;

const DESCRIBES_A_HEADER: u8 = 0x80;

/// Panics if something is wrong.
pub(crate) fn check(input: &[u8]) {
    let [known, what, rest @ ..] = input else { return };
    let secrets: Vec<Secret> = (0..*known % (MOST_SECRETS + 1)).map(secret).collect();
    let described = match what & DESCRIBES_A_HEADER {
        0 => None,
        _ => header(usize::from(what & !DESCRIBES_A_HEADER), rest, &secrets),
    };
    match described {
        Some((said, wire, behind)) => {
            let bytes = [&wire, behind].concat();
            pieces_do_not_matter(&bytes, &secrets);
            is_recognised(said, sniff(&bytes, &secrets));
        }
        None => pieces_do_not_matter(rest, &secrets),
    }
}

/// A client's header, what it says, and what of the input is left.
fn header<'a>(
    chosen: usize,
    description: &'a [u8],
    secrets: &[Secret],
) -> Option<(Header, [u8; HEADER], &'a [u8])> {
    let ([low, high, transport], rest) = description.split_first_chunk()?;
    let (random, behind) = rest.split_first_chunk()?;
    let index = Some(chosen % (secrets.len() + 1)).filter(|index| *index < secrets.len());
    let dc = i16::from_le_bytes([*low, *high]);
    let transport = Transport::ALL[usize::from(*transport) % Transport::ALL.len()].obfuscated();
    let random = Random::new(random)?;
    let secret = index.map(|index| &secrets[index]);
    let (_, wire) = Obfuscation::connect(&random, transport, dc, secret);
    Some((Header { transport, dc, secret: index }, wire, behind))
}

fn secret(number: u8) -> Secret {
    let (mark, host): (&[u8], &[u8]) = match number % 3 {
        0 => (&[], &[]),
        1 => (&[0xdd], &[]),
        _ => (&[0xee], b"host.example"),
    };
    Secret::new(&[mark, &[number; 16], host].concat()).expect("a secret of one of the kinds")
}

fn pieces_do_not_matter(bytes: &[u8], secrets: &[Secret]) {
    let whole = sniff(bytes, secrets);
    let mut wanted = 1;
    for have in 0..=bytes.len().min(HEADER + 1) {
        match sniff(&bytes[..have], secrets) {
            Sniffed::NeedMore(needed) => {
                assert!([1, 4, 8, HEADER].contains(&needed) && needed > have && needed >= wanted);
                wanted = needed;
            }
            decided @ Sniffed::Decided(_) => assert!(decided == whole && have >= wanted),
        }
    }
}

/// By its own secret, or by one before it that it fits by chance.
fn is_recognised(said: Header, found: Sniffed) {
    let Sniffed::Decided(FirstBytes::Obfuscated(found)) = found else {
        panic!("{said:?} was taken for {found:?}");
    };
    let place = |header: Header| header.secret.unwrap_or(usize::MAX);
    assert!(found == said || place(found) < place(said), "{said:?} was taken for {found:?}");
}
