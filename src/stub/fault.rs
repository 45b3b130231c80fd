//! What can be wrong with an access point.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The condition of one access point of a stub DC. Exactly one holds at a time.
///
/// "Silent" means: what was answered stays answered, nothing more is.
///
/// UDP has no connects. There [`Fault::Refuse`] closes the socket, so that datagrams are answered with
/// "port unreachable"; [`Fault::Mute`] reads and counts them and answers none; [`Fault::Slow`] sends
/// each answer so much later; with [`Fault::Drop`] they are lost, uncounted. The others, which are of
/// streams, leave it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Serves.
    #[default]
    None,
    /// The process is gone: the listening socket is closed, connects are refused (RST). The port
    /// stays reserved, so nobody else takes it. Open sessions go on; `kill` ends them as well.
    Refuse,
    /// Connects succeed and are reset at once. Open sessions go on.
    Reset,
    /// The back end hangs: connects succeed, everything is read, nothing answered; a session whose
    /// client ends its stream is closed without a word. Open sessions fall silent too; once healed
    /// they answer what comes from then on.
    Mute,
    /// Every answer leaves this much later, one after the other: a second chunk waits for the
    /// first. Connects are as fast as ever, since the kernel makes them.
    Slow(Duration),
    /// The back end is ill and says so: requests of HTTP are answered with this status. Everything else
    /// is served as ever.
    Status(u16),
    /// The back end answers questions of MTProto in a wrong way. Everything else is served as ever.
    Mtproto(MtprotoFault),
    /// The site has lost power: a SYN is not answered, so connects time out. Open sessions fall
    /// silent and nothing more is read from them. Healing, or any other fault, resets them: a
    /// machine that comes back does not know them.
    ///
    /// Made with a listening socket whose accept queue (backlog 0) a connection of our own fills:
    /// Linux drops each further SYN, whatever `tcp_syncookies` says. Two limits of doing this on a
    /// host that is alive: segments of open sessions are still acknowledged, and a connect that
    /// was under way when the power failed may still succeed, and then is silent.
    Drop,
    /// So many of a hundred datagrams do not arrive, spread evenly. TCP is served as ever: it would send
    /// again what is lost.
    Loss(u8),
}

/// What [`Service::Mtproto`](super::Service::Mtproto) may do instead of answering a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MtprotoFault {
    /// Answers with this error of the transport, a negative number: -404 is of a back end that does not
    /// know what it is asked, -429 of one that is asked too often, -444 of another DC.
    Code(i32),
    /// Answers with another nonce than the client's.
    Nonce,
    /// Answers with a frame of bytes that are no message.
    Garbage,
    /// Answers with other fingerprints than those of its DC.
    Fingerprints,
    /// Closes the connection in order.
    Close,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::None => f.write_str("none"),
            Fault::Refuse => f.write_str("refuse"),
            Fault::Reset => f.write_str("reset"),
            Fault::Mute => f.write_str("mute"),
            Fault::Slow(by) => write!(f, "slow:{}", humantime::format_duration(*by)),
            Fault::Status(code) => write!(f, "status:{code}"),
            Fault::Mtproto(MtprotoFault::Code(code)) => write!(f, "code:{code}"),
            Fault::Mtproto(MtprotoFault::Nonce) => f.write_str("nonce"),
            Fault::Mtproto(MtprotoFault::Garbage) => f.write_str("garbage"),
            Fault::Mtproto(MtprotoFault::Fingerprints) => f.write_str("fingerprints"),
            Fault::Mtproto(MtprotoFault::Close) => f.write_str("close"),
            Fault::Drop => f.write_str("drop"),
            Fault::Loss(percent) => write!(f, "loss:{percent}"),
        }
    }
}

/// Reads what [`Fault`]'s `Display` writes: `none`, `refuse`, `reset`, `mute`, `slow:200ms`, `status:503`,
/// `code:-404`, `nonce`, `garbage`, `fingerprints`, `close`, `drop`, `loss:30`.
impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Fault, ParseFaultError> {
        match text {
            "none" => Ok(Fault::None),
            "refuse" => Ok(Fault::Refuse),
            "reset" => Ok(Fault::Reset),
            "mute" => Ok(Fault::Mute),
            "drop" => Ok(Fault::Drop),
            "nonce" => Ok(Fault::Mtproto(MtprotoFault::Nonce)),
            "garbage" => Ok(Fault::Mtproto(MtprotoFault::Garbage)),
            "fingerprints" => Ok(Fault::Mtproto(MtprotoFault::Fingerprints)),
            "close" => Ok(Fault::Mtproto(MtprotoFault::Close)),
            _ => {
                let with_value = slow(text).or_else(|| status(text)).or_else(|| code(text));
                let with_value = with_value.or_else(|| loss(text));
                with_value.ok_or_else(|| ParseFaultError(text.to_owned()))
            }
        }
    }
}

fn slow(text: &str) -> Option<Fault> {
    let by = text.strip_prefix("slow:")?;
    humantime::parse_duration(by).ok().map(Fault::Slow)
}

/// A status code is three digits (RFC 9110, 15).
fn status(text: &str) -> Option<Fault> {
    let code = text.strip_prefix("status:")?.parse().ok()?;
    (100..=999).contains(&code).then_some(Fault::Status(code))
}

/// Errors of the transport are negative.
fn code(text: &str) -> Option<Fault> {
    let code = text.strip_prefix("code:")?.parse().ok()?;
    (code < 0).then_some(Fault::Mtproto(MtprotoFault::Code(code)))
}

/// Of a hundred.
fn loss(text: &str) -> Option<Fault> {
    let percent = text.strip_prefix("loss:")?.parse().ok()?;
    (percent <= 100).then_some(Fault::Loss(percent))
}

/// The text names no fault.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseFaultError(String);

impl fmt::Display for ParseFaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a fault: none, refuse, reset, mute, slow:DURATION, status:CODE, code:CODE, \
             nonce, garbage, fingerprints, close, drop or loss:PERCENT",
            self.0
        )
    }
}

impl Error for ParseFaultError {}
