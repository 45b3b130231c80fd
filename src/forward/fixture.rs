//! Connections for the tests of this layer.

use tokio::net::{TcpListener, TcpStream};

/// Both ends of a connection over loopback, the client's first: it sends what it is given at once.
pub(super) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("bound");
    let (a, b) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (a, b) = (a.expect("connected"), b.expect("accepted").0);
    a.set_nodelay(true).expect("set");
    (a, b)
}
