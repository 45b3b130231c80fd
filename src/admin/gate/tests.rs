use super::*;

#[test]
fn a_token_comes_after_its_scheme_in_any_case() {
    let token = |text: &'static str| bearer(&HeaderValue::from_static(text)).map(<[u8]>::to_vec);
    assert_eq!(token("Bearer abc"), Some(b"abc".to_vec()));
    assert_eq!(token("bearer  abc "), Some(b"abc".to_vec()));
    for other in ["", "Bearer", "Bearerabc", "Basic abc", "abc"] {
        assert_eq!(token(other), None, "{other}");
    }
}

#[test]
fn an_ipv4_peer_of_an_ipv6_socket_is_where_its_ipv4_address_is() {
    let peer = |address: &str| Peer::Tcp(address.parse().expect("an address"));
    for (address, local) in [
        ("127.0.0.1:1", true),
        ("[::1]:1", true),
        ("[::ffff:127.0.0.1]:1", true),
        ("[::ffff:192.0.2.1]:1", false),
        ("192.0.2.1:1", false),
    ] {
        assert_eq!(peer(address).is_local(), local, "{address}");
    }
    let (one, other) = (peer("[2001:db8::1]:1"), peer("[2001:db8::2]:9"));
    assert_eq!(one.neighbourhood(), other.neighbourhood());
    assert_eq!(peer("[::ffff:192.0.2.1]:1").neighbourhood(), peer("192.0.2.1:2").neighbourhood());
}
