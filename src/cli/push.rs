//! `nearpoint push`, `rollback` and `reload`: shown, asked, and done to what was shown.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, IF_MATCH};

use super::args::{PushArgs, ReloadArgs, RollbackArgs, SendArgs};
use super::change::{self, NotDone, conversation};
use super::client::{Call, Conversation, FetchError, encode};
use super::{block_on, output, table};
use crate::admin::view::PushView;

/// The largest list that a daemon takes.
const LARGEST: u64 = 16 << 20;

/// Puts a list into force.
pub(super) fn push(args: &PushArgs) -> ExitCode {
    let list = match read(&args.file) {
        Ok(list) => list,
        Err(error) => {
            let text = format!("cannot read {}: {error}", args.file.display());
            return change::fail(&NotDone::Io(text));
        }
    };
    // Whether it is JSON is seen by who reads it: all of JSON is YAML.
    let headers = vec![(CONTENT_TYPE, "application/yaml".to_owned())];
    let request =
        Change { method: Method::PUT, path: "/v1/dc_options", query: String::new(), headers, list };
    carry_out(&request, &args.send)
}

/// Goes back to a list.
pub(super) fn roll_back(args: &RollbackArgs) -> ExitCode {
    let query = args.number.map(|number| format!("&to={number}")).unwrap_or_default();
    let path = "/v1/dc_options/rollback";
    let (headers, list) = (Vec::new(), Bytes::new());
    carry_out(&Change { method: Method::POST, path, query, headers, list }, &args.send)
}

/// Has the files read again.
pub(super) fn reload(args: &ReloadArgs) -> ExitCode {
    let (force, reason) = (u8::from(args.force), encode(&args.reason));
    let target = format!("/v1/reload?force={force}&reason={reason}");
    let call = Call { method: Method::POST, ..Call::get(&target) };
    let reloaded = block_on(async {
        conversation(&args.daemon).send::<PushView>(&call).await.map_err(NotDone::from)
    });
    finish(reloaded, args.json)
}

/// A request that another list be put into force.
struct Change {
    method: Method,
    path: &'static str,
    query: String,
    headers: Vec<(HeaderName, String)>,
    list: Bytes,
}

impl Change {
    /// Sends it; `over` is the revision that it may replace.
    async fn send(
        &self,
        with: &mut Conversation,
        (args, over, dry_run): (&SendArgs, String, bool),
    ) -> Result<PushView, FetchError> {
        let (force, reason) = (u8::from(args.force), encode(&args.reason));
        let Self { path, query, .. } = self;
        let dry = u8::from(dry_run);
        let target = format!("{path}?dry_run={dry}&force={force}&reason={reason}{query}");
        let mut headers = self.headers.clone();
        headers.push((IF_MATCH, over));
        let (method, body) = (self.method.clone(), self.list.clone());
        with.send(&Call { method, target: &target, headers, body }).await
    }
}

fn carry_out(change: &Change, args: &SendArgs) -> ExitCode {
    let done = block_on(async {
        let mut with = conversation(&args.daemon);
        let shown = change.send(&mut with, (args, "*".to_owned(), true)).await?;
        if args.dry_run || is_settled(&shown) {
            return Ok(shown);
        }
        if !args.yes {
            output::note(&table::push(&shown));
            if is_forbidden(&shown) {
                return Err(NotDone::Guarded);
            }
            change::ask("Put it into force?")?;
        }
        // What was shown, and nothing else, is what is replaced.
        let over = format!("\"{}\"", shown.before);
        Ok(change.send(&mut with, (args, over, false)).await?)
    });
    finish(done, args.json)
}

/// Whether there is nothing to do.
fn is_settled(shown: &PushView) -> bool {
    shown.outcome == "unchanged"
}

fn is_forbidden(shown: &PushView) -> bool {
    shown.outcome == "refused"
}

fn finish(done: io::Result<Result<PushView, NotDone>>, json: bool) -> ExitCode {
    let view = match done.map_err(|error| NotDone::Io(error.to_string())) {
        Ok(Ok(view)) => view,
        Ok(Err(why)) | Err(why) => return change::fail(&why),
    };
    let printed = match json {
        true => output::print_json(&view),
        false => output::print(&table::push(&view)),
    };
    match is_forbidden(&view) {
        true => change::fail(&NotDone::Guarded),
        false => printed,
    }
}

fn read(file: &Path) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    // One byte more shows that it is too large.
    match file.as_os_str() == "-" {
        true => io::stdin().take(LARGEST + 1).read_to_end(&mut bytes)?,
        false => File::open(file)?.take(LARGEST + 1).read_to_end(&mut bytes)?,
    };
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 16 MiB")),
        false => Ok(bytes.into()),
    }
}
