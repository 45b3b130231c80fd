//! The file of tokens for the admin side: lines `name role token`. Tokens are kept as their hashes, and
//! nothing that is said or written about one contains any of it.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::finding::Finding;
use super::read::read_at_most;

/// The largest file of tokens that is read.
pub(super) const LIMIT: usize = 64 << 10;

/// The most tokens: of each request all of them are tried.
const MOST: usize = 256;

/// The most bad lines told about one file.
const MOST_TOLD: usize = 16;

/// Characters of a token. 16 of random base64 are 96 bits, beyond all guessing.
const TOKEN: std::ops::RangeInclusive<usize> = 16..=512;

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at everything.
    Read,
    /// Look at everything, and change it.
    Write,
}

/// Whoever has a token.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// As logs and histories call them; unique.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    digest: [u8; 32],
}

/// Without the hash: of a token that people thought of, it would help those who guess.
impl fmt::Debug for TokenHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, digest: _ } = self;
        f.debug_struct("TokenHolder").field("name", name).field("role", role).finish()
    }
}

/// All tokens of a file; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens(Vec<TokenHolder>);

impl Tokens {
    /// Reads a file.
    ///
    /// # Errors
    /// With every problem of it, at most 16 and one that counts the rest.
    pub fn read(path: &Path) -> Result<Self, Vec<Finding>> {
        let whole = |text| vec![finding(path, None, text)];
        let bytes = read_at_most(path, LIMIT).map_err(|error| whole(error.to_string()))?;
        Self::parse(path, &bytes)
    }

    /// Reads the content of a file, which is named in problems.
    ///
    /// # Errors
    /// As [`Tokens::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Vec<Finding>> {
        if bytes.len() > LIMIT {
            let text = format!("has more than {} KiB", LIMIT >> 10);
            return Err(vec![finding(path, None, text)]);
        }
        let without_mark = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let (mut holders, mut problems): (Vec<(usize, TokenHolder)>, Vec<Finding>) =
            Default::default();
        for (line, number) in without_mark.split(|byte| *byte == b'\n').zip(1..) {
            let line = String::from_utf8_lossy(line);
            let words = line.split_ascii_whitespace().take_while(|word| !word.starts_with('#'));
            let added = match &words.collect::<Vec<_>>()[..] {
                [] => continue,
                words => holder(words).and_then(|new| match clash(&new, &holders) {
                    Some(text) => Err(text),
                    None => Ok(new),
                }),
            };
            match added {
                Ok(new) => holders.push((number, new)),
                Err(text) => problems.push(finding(path, Some(number), text)),
            }
        }
        if holders.len() > MOST {
            problems.push(finding(
                path,
                None,
                format!("has {} tokens; {MOST} at most", holders.len()),
            ));
        }
        // A file that is being written begins as an empty one.
        if holders.is_empty() && problems.is_empty() {
            problems.push(finding(path, None, "has no token: lines `name role token`".to_owned()));
        }
        if let Some(more) = problems.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
            problems.truncate(MOST_TOLD);
            problems.push(finding(path, None, format!("and {more} more of this kind")));
        }
        match problems.is_empty() {
            true => Ok(Self(holders.into_iter().map(|(_, holder)| holder).collect())),
            false => Err(problems),
        }
    }

    /// Who has this token. How long it takes tells nothing but how long the token is: it is compared by
    /// hash, with all of them, and each time to the end.
    #[must_use]
    pub fn holder(&self, token: &[u8]) -> Option<&TokenHolder> {
        let digest = digest(token);
        let mut found = u64::MAX;
        for (at, holder) in (0..).zip(&self.0) {
            found.conditional_assign(&at, holder.digest.ct_eq(&digest));
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

/// Whether more people than the owner of a file may read it.
#[must_use]
pub fn is_readable_by_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

/// The words of a line.
fn holder(words: &[&str]) -> Result<TokenHolder, String> {
    let [name, role, token] = words else {
        return Err(format!("has {} words, not three: name, role, token", words.len()));
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.len() > 64 || !name.chars().all(fits) {
        // What stands in the place of a name may be a token.
        return Err(
            "the first word is no name: up to 64 letters, digits, `-`, `_`, `.`, `@`".to_owned()
        );
    }
    let role = match *role {
        "read" => Role::Read,
        "write" => Role::Write,
        _ => return Err("the second word is no role: `read` or `write`".to_owned()),
    };
    if !TOKEN.contains(&token.len()) {
        let (least, most) = TOKEN.into_inner();
        return Err(format!("the token has {} characters, not {least} to {most}", token.len()));
    }
    if !is_bearer(token) {
        return Err("the token has other characters than letters, digits and `-._~+/=`".to_owned());
    }
    Ok(TokenHolder { name: (*name).into(), role, digest: digest(token.as_bytes()) })
}

/// What a header can carry (RFC 6750, 2.1).
fn is_bearer(token: &str) -> bool {
    token.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/=".contains(c))
}

fn clash(new: &TokenHolder, holders: &[(usize, TokenHolder)]) -> Option<String> {
    let (line, other) =
        holders.iter().find(|(_, it)| it.name == new.name || it.digest == new.digest)?;
    Some(match other.name == new.name {
        true => format!("`{}` is already the name of line {line}", new.name),
        false => format!("repeats the token of line {line}"),
    })
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn finding(file: &Path, line: Option<usize>, text: String) -> Finding {
    Finding { file: file.to_owned(), line, path: String::new(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: &str = "reader-token-0123456789";
    const WRITER: &str = "writer-token-0123456789+/=";

    fn parse(text: &str) -> Result<Tokens, Vec<String>> {
        let parsed = Tokens::parse(Path::new("tokens"), text.as_bytes());
        parsed.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_token_leads_to_its_holder_and_nothing_else_does() {
        let text = format!("# people\n\nann  write\t{WRITER}  # until May\r\nmon read {READER}\n");
        let tokens = parse(&text).expect("two tokens");
        let who = |token: &str| tokens.holder(token.as_bytes()).map(|it| (&*it.name, it.role));
        assert_eq!(who(WRITER), Some(("ann", Role::Write)));
        assert_eq!(who(READER), Some(("mon", Role::Read)));
        for other in ["", "ann", &READER[1..], &format!("{READER} "), &WRITER.to_uppercase()] {
            assert_eq!(who(other), None, "{other}");
        }
    }

    #[test]
    fn bad_lines_are_told_by_number_and_never_repeated() {
        let text = format!(
            "ann {WRITER}\nann admin {WRITER}\nann write short-secret\nann write {READER}é\n\
             secret:0123456789 write {WRITER}\nann write {WRITER}\nann read {READER}\nbob read {WRITER}\n"
        );
        let told = parse(&text).expect_err("eight lines, one good");
        assert_eq!(
            told,
            [
                "tokens:1: has 2 words, not three: name, role, token",
                "tokens:2: the second word is no role: `read` or `write`",
                "tokens:3: the token has 12 characters, not 16 to 512",
                "tokens:4: the token has other characters than letters, digits and `-._~+/=`",
                "tokens:5: the first word is no name: up to 64 letters, digits, `-`, `_`, `.`, `@`",
                "tokens:7: `ann` is already the name of line 6",
                "tokens:8: repeats the token of line 6",
            ]
        );
        let told = told.join("\n");
        for secret in ["secret", &WRITER[..8], &READER[..8]] {
            assert!(!told.contains(secret), "{told}");
        }
    }

    #[test]
    fn what_is_held_does_not_show_itself() {
        let tokens = parse(&format!("ann write {WRITER}")).expect("a token");
        assert_eq!(format!("{tokens:?}"), r#"Tokens([TokenHolder { name: "ann", role: Write }])"#);
    }

    #[test]
    fn a_file_without_tokens_or_with_too_many_is_refused() {
        assert_eq!(
            parse("# nobody yet\n").expect_err("empty"),
            ["tokens: has no token: lines `name role token`"]
        );
        let many: String = (0..=MOST).map(|n| format!("n{n} read {READER}{n}\n")).collect();
        assert_eq!(parse(&many).expect_err("one more"), ["tokens: has 257 tokens; 256 at most"]);
        let bad = parse(&"x\n".repeat(100)).expect_err("many problems");
        assert_eq!((bad.len(), bad[16].as_str()), (17, "tokens: and 84 more of this kind"));
        let large = parse(&"#".repeat(LIMIT + 1)).expect_err("too large");
        assert_eq!(large, ["tokens: has more than 64 KiB"]);
    }
}
