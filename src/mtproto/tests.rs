mod conversation;
mod messages;
mod sniffing;
mod vectors;

use super::*;

/// Random bytes of a test, whose header begins with these and that has no padding.
fn random_from(header: &[u8]) -> Random {
    let mut bytes = [0x55; Random::LEN];
    bytes[..header.len()].copy_from_slice(header);
    bytes[HEADER] = 0;
    Random::new(&bytes).expect("bytes that a header may begin with")
}

/// A secret of each kind that is spoken, with the same key.
fn secret(mark: &[u8]) -> Secret {
    let key: Vec<u8> = (0..16).map(|digit| digit * 0x11).collect();
    Secret::new(&[mark, &key].concat()).expect("a secret")
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).expect("a hex digit") as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
