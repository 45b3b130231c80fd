//! How commands end: one code for each kind of ending, which scripts go by.

use std::process::ExitCode;

use hyper::StatusCode;

use super::client::FetchError;
use super::output;

/// A request or a start that failed.
pub const FAILED: u8 = 1;

/// Guards refuse it; `--force` may help.
pub const GUARDED: u8 = 2;

/// Something else is in force by now.
pub const OVERTAKEN: u8 = 3;

/// It takes another token, or any at all, or some patience after wrong ones.
pub const NOT_PERMITTED: u8 = 4;

/// It was declined at the prompt, or aborted.
pub const DECLINED: u8 = 5;

/// A configuration, a list or a command line that cannot be used (`EX_USAGE` of sysexits.h).
pub const BAD_CONFIG: u8 = 64;

/// Says why a daemon was asked in vain, and how the process ends.
pub(super) fn refused(error: &FetchError) -> ExitCode {
    output::fail(&error.to_string(), code_of(error))
}

/// The code of a request in vain.
pub(super) fn code_of(error: &FetchError) -> u8 {
    match error {
        FetchError::Refused(status, ..) => match *status {
            StatusCode::CONFLICT => GUARDED,
            StatusCode::PRECONDITION_FAILED | StatusCode::PRECONDITION_REQUIRED => OVERTAKEN,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                NOT_PERMITTED
            }
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => BAD_CONFIG,
            _ => FAILED,
        },
        FetchError::Identity(_) | FetchError::Exposed(_) => BAD_CONFIG,
        FetchError::Connect(..)
        | FetchError::Timeout(_)
        | FetchError::Http(..)
        | FetchError::Request(_)
        | FetchError::TooLarge(_)
        | FetchError::Unexpected(..) => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_may_do_next_is_in_the_code() {
        let code = |status| {
            let status = StatusCode::from_u16(status).expect("a status");
            code_of(&FetchError::Refused(status, String::new(), Vec::new()))
        };
        for (statuses, expected) in [
            (&[409][..], GUARDED),
            (&[412, 428], OVERTAKEN),
            (&[401, 403, 429], NOT_PERMITTED),
            (&[400, 413, 415, 422], BAD_CONFIG),
            (&[404, 421, 500, 503], FAILED),
        ] {
            assert!(statuses.iter().all(|status| code(*status) == expected), "{statuses:?}");
        }
    }
}
