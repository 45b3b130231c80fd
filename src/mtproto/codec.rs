//! Messages to bytes and back, whatever the style.

use super::HEADER;
use super::frame::{Frame, FrameError, FrameReader, FrameWriter, MOST_PADDING, Side};
use super::obfuscation::Obfuscation;
use super::random::Random;
use super::secret::Secret;
use super::sniff::FirstBytes;
use super::style::Style;
use super::transport::Transport;

/// One end of a connection: frames, and obfuscation around them.
#[derive(Debug)]
pub struct Codec {
    transport: Transport,
    obfuscation: Option<Obfuscation>,
    reader: FrameReader,
    writer: FrameWriter,
}

impl Codec {
    /// The client's end, which reads payloads of at most `longest` bytes. What is to be sent before the
    /// first frame is appended to `out`.
    pub fn connect(style: &Style, random: &Random, longest: usize, out: &mut Vec<u8>) -> Self {
        let transport = style.transport();
        let obfuscation = match style.header() {
            Some(wanted) => {
                let secret = wanted.secret.as_ref();
                let (obfuscation, header) =
                    Obfuscation::connect(random, transport, wanted.dc, secret);
                out.extend(header);
                Some(obfuscation)
            }
            None => {
                out.extend(transport.opening());
                None
            }
        };
        Self::new(transport, obfuscation, Side::Client, longest)
    }

    /// The server's end, after [`sniff`](super::sniff()) has said of `input` and `secrets` what it
    /// `first` is. Takes from `input` what comes before the first frame. `None`: no transport that is
    /// spoken here.
    pub fn accept(
        first: FirstBytes,
        input: &mut &[u8],
        secrets: &[Secret],
        longest: usize,
    ) -> Option<Self> {
        let (transport, obfuscation, prologue) = match first {
            FirstBytes::Plain(transport) => (transport, None, transport.opening().len()),
            FirstBytes::Obfuscated(_) => {
                let (obfuscation, header) = Obfuscation::accept(input.first_chunk()?, secrets)?;
                (header.transport, Some(obfuscation), HEADER)
            }
            FirstBytes::Http | FirstBytes::Tls | FirstBytes::Unrecognised => return None,
        };
        *input = input.get(prologue..)?;
        Some(Self::new(transport, obfuscation, Side::Server, longest))
    }

    fn new(
        transport: Transport,
        obfuscation: Option<Obfuscation>,
        side: Side,
        longest: usize,
    ) -> Self {
        let reader = FrameReader::new(transport, side, longest);
        Self { transport, obfuscation, reader, writer: FrameWriter::new(transport) }
    }

    /// How many bytes may follow a message within its payload.
    pub fn padding(&self) -> usize {
        match self.transport {
            Transport::Padded => MOST_PADDING,
            Transport::Abridged | Transport::Intermediate | Transport::Full => 0,
        }
    }

    /// Appends to `out` what is to be sent of `payload`; see [`FrameWriter::write`].
    pub fn send(
        &mut self,
        payload: &[u8],
        padding: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let from = out.len();
        self.writer.write(payload, false, padding, out)?;
        if let Some(obfuscation) = &mut self.obfuscation {
            obfuscation.encrypt(&mut out[from..]);
        }
        Ok(())
    }

    /// Takes bytes from the front of `input` until a frame is whole; see [`FrameReader::read`].
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
        let obfuscation = &mut self.obfuscation;
        self.reader.read_through(input, |bytes| {
            if let Some(obfuscation) = obfuscation {
                obfuscation.decrypt(bytes);
            }
        })
    }
}
