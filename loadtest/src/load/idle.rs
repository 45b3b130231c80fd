//! Sessions on which nothing happens.

use super::client::Client;
use super::content::wrong;
use std::io;
use tokio::io::AsyncReadExt;

/// Waits for the end of the session, which should not come.
pub(super) async fn run(client: &mut Client) -> io::Result<()> {
    let mut stream = client.session().await?;
    match stream.read(&mut [0]).await? {
        0 => Ok(()),
        _ => Err(wrong("something was said on a session that asked nothing")),
    }
}
