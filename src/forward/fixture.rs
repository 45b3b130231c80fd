//! Connections for the tests of this layer.

use std::rc::Rc;
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use super::worker::Resources;
use crate::routing::{AccessPointId, ClientAddr, DcId};
use crate::sessions::OpenSession;

/// Both ends of a connection over loopback, the client's first: it sends what it is given at once.
pub(super) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("bound");
    let (a, b) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (a, b) = (a.expect("connected"), b.expect("accepted").0);
    a.set_nodelay(true).expect("set");
    (a, b)
}

/// Calls those whose turn it is, as the worker does.
pub(super) fn call_turns(resources: &Rc<Resources>) {
    let resources = Rc::clone(resources);
    spawn_local(async move { resources.turns.call().await });
}

/// A session of this client with DC 2.
pub(super) fn session_of(client: [u8; 4]) -> OpenSession {
    let address = "192.0.2.1:443".parse().expect("an address");
    OpenSession {
        listener: "clients".into(),
        client: ClientAddr::new(client.into()),
        access_point: AccessPointId { dc: DcId(2), address },
        began: Instant::now(),
    }
}
