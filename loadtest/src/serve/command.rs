//! The lines that `loadtest serve` understands.

use nearpoint::stub::Fault;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// How long `wait` waits unless it says so itself.
const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// One line: `WORD ADDR [ARGUMENTS]`, where `all` instead of an address means every access point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `refuse|reset|mute|drop|heal ADDR`, `slow ADDR DURATION`, `status ADDR CODE`, `loss ADDR PERCENT`; of MTProto
    /// `nonce|garbage|fingerprints|close ADDR`, `code ADDR CODE`.
    Fault(Fault, At),
    /// `cut ADDR`: reset all open sessions.
    Cut(At),
    /// `kill ADDR`: refuse and cut.
    Kill(At),
    /// `counts ADDR`.
    Counts(At),
    /// `wait ADDR open N [DURATION]`: until so many sessions are open.
    Wait { address: SocketAddr, open: u64, at_most: Duration },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Everywhere,
    One(SocketAddr),
}

impl FromStr for Command {
    type Err = ParseCommandError;

    fn from_str(line: &str) -> Result<Command, ParseCommandError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["heal", at] => Ok(Command::Fault(Fault::None, parse_at(at)?)),
            ["refuse", at] => Ok(Command::Fault(Fault::Refuse, parse_at(at)?)),
            ["reset", at] => Ok(Command::Fault(Fault::Reset, parse_at(at)?)),
            ["mute", at] => Ok(Command::Fault(Fault::Mute, parse_at(at)?)),
            ["drop", at] => Ok(Command::Fault(Fault::Drop, parse_at(at)?)),
            ["slow", at, by] => Ok(Command::Fault(Fault::Slow(parse_duration(by)?), parse_at(at)?)),
            ["status", at, code] => {
                let fault = format!("status:{code}").parse();
                let fault = fault.map_err(|_| ParseCommandError::Status)?;
                Ok(Command::Fault(fault, parse_at(at)?))
            }
            ["loss", at, percent] => {
                let fault = format!("loss:{percent}").parse();
                let fault = fault.map_err(|_| ParseCommandError::Percent)?;
                Ok(Command::Fault(fault, parse_at(at)?))
            }
            [fault @ ("nonce" | "garbage" | "fingerprints" | "close"), at] => {
                let fault = fault.parse().map_err(|_| ParseCommandError::Unknown)?;
                Ok(Command::Fault(fault, parse_at(at)?))
            }
            ["code", at, code] => {
                let fault = format!("code:{code}").parse();
                let fault = fault.map_err(|_| ParseCommandError::Code)?;
                Ok(Command::Fault(fault, parse_at(at)?))
            }
            ["cut", at] => Ok(Command::Cut(parse_at(at)?)),
            ["kill", at] => Ok(Command::Kill(parse_at(at)?)),
            ["counts", at] => Ok(Command::Counts(parse_at(at)?)),
            ["wait", at, "open", open, ref at_most @ ..] if at_most.len() <= 1 => {
                Ok(Command::Wait {
                    address: at.parse().map_err(|_| ParseCommandError::Address)?,
                    open: open.parse().map_err(|_| ParseCommandError::Number)?,
                    at_most: at_most
                        .first()
                        .map_or(Ok(DEFAULT_WAIT), |text| parse_duration(text))?,
                })
            }
            _ => Err(ParseCommandError::Unknown),
        }
    }
}

fn parse_at(text: &str) -> Result<At, ParseCommandError> {
    if text == "all" {
        return Ok(At::Everywhere);
    }
    text.parse().map(At::One).map_err(|_| ParseCommandError::Address)
}

fn parse_duration(text: &str) -> Result<Duration, ParseCommandError> {
    humantime::parse_duration(text).map_err(|_| ParseCommandError::Duration)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParseCommandError {
    Unknown,
    Address,
    Duration,
    Number,
    Status,
    Code,
    Percent,
}

impl fmt::Display for ParseCommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseCommandError::Unknown => {
                "not a command: (heal|refuse|reset|mute|drop|cut|kill|counts) ADDR, \
                 slow ADDR DURATION, status ADDR CODE, loss ADDR PERCENT, \
                 (nonce|garbage|fingerprints|close) ADDR, code ADDR CODE, \
                 wait ADDR open N [DURATION]; ADDR is IP:PORT or all"
            }
            ParseCommandError::Address => "the address is not IP:PORT",
            ParseCommandError::Duration => "the duration is not like 200ms",
            ParseCommandError::Number => "the number is not one",
            ParseCommandError::Status => "the status is not a code like 503",
            ParseCommandError::Percent => "the share is not one of 0 to 100",
            ParseCommandError::Code => "the code is not a negative number like -404",
        })
    }
}

impl Error for ParseCommandError {}

#[cfg(test)]
mod tests {
    use super::*;
    use nearpoint::stub::MtprotoFault;

    #[test]
    fn every_command_is_understood() {
        let address = SocketAddr::from(([127, 0, 0, 1], 443));
        let at = At::One(address);
        let ms = Duration::from_millis;
        let wrong = |fault| Command::Fault(Fault::Mtproto(fault), At::Everywhere);
        let cases = [
            ("refuse 127.0.0.1:443", Command::Fault(Fault::Refuse, at)),
            ("reset 127.0.0.1:443", Command::Fault(Fault::Reset, at)),
            ("mute 127.0.0.1:443", Command::Fault(Fault::Mute, at)),
            ("drop all", Command::Fault(Fault::Drop, At::Everywhere)),
            ("heal all", Command::Fault(Fault::None, At::Everywhere)),
            ("slow 127.0.0.1:443 200ms", Command::Fault(Fault::Slow(ms(200)), at)),
            ("status 127.0.0.1:443 503", Command::Fault(Fault::Status(503), at)),
            ("loss all 30", Command::Fault(Fault::Loss(30), At::Everywhere)),
            ("nonce all", wrong(MtprotoFault::Nonce)),
            ("garbage all", wrong(MtprotoFault::Garbage)),
            ("fingerprints all", wrong(MtprotoFault::Fingerprints)),
            ("close all", wrong(MtprotoFault::Close)),
            ("code all -404", wrong(MtprotoFault::Code(-404))),
            (" cut  127.0.0.1:443 ", Command::Cut(at)),
            ("kill 127.0.0.1:443", Command::Kill(at)),
            ("counts all", Command::Counts(At::Everywhere)),
            ("wait 127.0.0.1:443 open 3 5s", Command::Wait { address, open: 3, at_most: ms(5000) }),
            (
                "wait 127.0.0.1:443 open 0",
                Command::Wait { address, open: 0, at_most: DEFAULT_WAIT },
            ),
        ];
        for (line, command) in cases {
            assert_eq!(line.parse(), Ok(command), "{line}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        for (line, reason) in [
            ("", ParseCommandError::Unknown),
            ("refuse", ParseCommandError::Unknown),
            ("refuse 127.0.0.1:443 now", ParseCommandError::Unknown),
            ("wait 127.0.0.1:443 open 1 1s 2s", ParseCommandError::Unknown),
            ("refuse here", ParseCommandError::Address),
            ("wait all open 1", ParseCommandError::Address),
            ("slow all soon", ParseCommandError::Duration),
            ("status all well", ParseCommandError::Status),
            ("code all 404", ParseCommandError::Code),
            ("loss all 101", ParseCommandError::Percent),
            ("nonce here", ParseCommandError::Address),
            ("nonce all 1", ParseCommandError::Unknown),
            ("wait 127.0.0.1:443 open many", ParseCommandError::Number),
        ] {
            assert_eq!(line.parse::<Command>(), Err(reason), "{line}");
        }
    }
}
