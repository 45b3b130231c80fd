//! Whom a certificate is about, in a few words.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// The OID of the common name, 2.5.4.3 (RFC 5280, appendix A.1).
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Tags of DER (X.690).
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Letters of a subject that are told.
const LONGEST: usize = 64;

/// The common name of the subject of a certificate, or its first DNS name. What is no plain letter is `?`:
/// who issues certificates does not write our log.
pub(crate) fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let name = common_name(certificate.subject()).map(String::from_utf8_lossy);
    let name = name.or_else(|| certificate.valid_dns_names().next().map(Into::into))?;
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    let told: String = name.chars().map(plain).take(LONGEST).collect();
    (!told.is_empty()).then_some(told)
}

/// Within the content of a `Name`: sets of pairs of an OID and a text (RFC 5280, 4.1.2.4).
fn common_name(mut name: &[u8]) -> Option<&[u8]> {
    while !name.is_empty() {
        let (tag, mut set, rest) = element(name)?;
        name = rest;
        while tag == SET && !set.is_empty() {
            let (tag, pair, rest) = element(set)?;
            set = rest;
            if tag != SEQUENCE {
                continue;
            }
            let (tag, oid, value) = element(pair)?;
            if (tag, oid) == (OID, COMMON_NAME) {
                return element(value).map(|(_, text, _)| text);
            }
        }
    }
    None
}

/// The tag and the content of the first element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // No name needs more than 64 KiB.
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn about(common_name: Option<&str>, hosts: &[&str]) -> Option<String> {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "o".repeat(300));
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        let key = KeyPair::generate().expect("a key");
        subject(params.self_signed(&key).expect("a certificate").der())
    }

    #[test]
    fn the_common_name_comes_before_names_of_hosts() {
        assert_eq!(about(Some("ann"), &["a.example"]).as_deref(), Some("ann"));
        assert_eq!(about(None, &["a.example", "b.example"]).as_deref(), Some("a.example"));
        assert_eq!(about(None, &[]), None);
    }

    #[test]
    fn what_could_break_a_line_is_not_told() {
        assert_eq!(about(Some("a b\nc\u{1b}é"), &[]).as_deref(), Some("a?b?c??"));
        assert_eq!(about(Some(&"x".repeat(1000)), &[]).map(|it| it.len()), Some(LONGEST));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = common_name(&bytes);
        }
    }
}
