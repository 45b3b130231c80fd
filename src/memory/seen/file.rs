//! What samples of clients look like in a file. All numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | `nearpoint-seen` and two zeros |
//! | 4 | version of all that follows: 1 |
//! | | for each listener: |
//! | 2, n | length of its name, not 0; the name |
//! | 8 | the largest hash up to which all clients are here |
//! | 2 | how many clients |
//! | 38 each | a client, as below, by rising hash |
//! | 2 | 0 ends the listeners |
//! | 8 | SipHash-2-4 of all that comes before, with the key of the directory |
//!
//! A client is its hash (8), seconds since 1970 of its last coming (4), the DC that it was bound to, or 0
//! (2), the class it wanted (1), who located it (1), its country, or zeros (2), its AS, or 0 (4), its
//! latitude and longitude (8 each). Nobody's address is in it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use super::sample::{MOST, Merged, SeenClient};
use crate::memory::file::FileError;
use crate::memory::key::{ClientKey, HashKey};
use crate::memory::summed::Summed;
use crate::memory::time::EpochSeconds;
use crate::routing::topology::{Class, Destination};
use crate::routing::{Asn, Coordinates, CountryCode, DcId, Location, Origin, Place};

const MAGIC: &[u8; 16] = b"nearpoint-seen\0\0";
const VERSION: u32 = 1;
const CLIENT: usize = 38;

/// What was read, by listener.
pub(in crate::memory) type Restored = BTreeMap<Arc<str>, Merged>;

/// Writes these samples.
///
/// # Errors
/// Those of `to`.
pub(in crate::memory) fn write(
    to: impl Write,
    key: &HashKey,
    samples: &BTreeMap<Arc<str>, Merged>,
) -> io::Result<()> {
    let mut to = Summed::new(to, key);
    to.write_all(MAGIC)?;
    to.write_all(&VERSION.to_le_bytes())?;
    for (name, Merged { clients, bar }) in samples {
        let length = u16::try_from(name.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let count = u16::try_from(clients.len()).map_err(|_| ErrorKind::InvalidInput)?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(name.as_bytes())?;
        to.write_all(&bar.to_le_bytes())?;
        to.write_all(&count.to_le_bytes())?;
        for (key, client) in clients {
            to.write_all(&encode(*key, client))?;
        }
    }
    to.write_all(&0_u16.to_le_bytes())?;
    to.seal()
}

/// Reads what was written of listeners that are `known`; the others' are passed over.
///
/// # Errors
/// When anything of it is not as it was written; see [`FileError`].
pub(in crate::memory) fn read(
    from: impl Read,
    key: &HashKey,
    known: impl Fn(&str) -> bool,
) -> Result<Restored, FileError> {
    let mut from = Summed::open(from, key, MAGIC, VERSION)?;
    let mut restored = Restored::new();
    while let Some(name) = from.name()? {
        let bar = u64::from_le_bytes(from.array()?);
        let count = usize::from(u16::from_le_bytes(from.array()?));
        if count > MOST {
            return Err(FileError::Damaged("a listener has too many clients"));
        }
        let mut clients = BTreeMap::new();
        for _ in 0..count {
            let bytes = from.array::<CLIENT>()?;
            let client = decode(&bytes).ok_or(FileError::Damaged("a client is none"))?;
            clients.extend([client]);
        }
        if known(&name) && restored.insert(name.into(), Merged { clients, bar }).is_some() {
            return Err(FileError::Damaged("a listener comes twice"));
        }
    }
    from.check()?;
    Ok(restored)
}

fn encode(key: ClientKey, client: &SeenClient) -> [u8; CLIENT] {
    let SeenClient { addr: _, location, destination, last } = client;
    let dc = destination.bound_to().map_or(0, |dc| dc.0);
    let place = location.place;
    let country = place.and_then(|place| place.country);
    let (lat, lon) = place.map_or((0.0, 0.0), |it| (it.coordinates.lat(), it.coordinates.lon()));
    let parts: [&[u8]; 9] = [
        &key.0.to_le_bytes(),
        &last.0.to_le_bytes(),
        &dc.to_le_bytes(),
        &[destination.class() as u8],
        &[location.origin as u8],
        country.as_ref().map_or(&[0, 0], |country| country.as_str().as_bytes()),
        &location.asn.map_or(0, |asn| asn.0).to_le_bytes(),
        &lat.to_le_bytes(),
        &lon.to_le_bytes(),
    ];
    let mut bytes = [0; CLIENT];
    bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    bytes
}

fn decode(bytes: &[u8; CLIENT]) -> Option<(ClientKey, SeenClient)> {
    let mut rest = &bytes[..];
    let hash = u64::from_le_bytes(take(&mut rest)?);
    let last = EpochSeconds(u32::from_le_bytes(take(&mut rest)?));
    let dc = u16::from_le_bytes(take(&mut rest)?);
    let [class, origin] = take(&mut rest)?;
    let country: [u8; 2] = take(&mut rest)?;
    let asn = u32::from_le_bytes(take(&mut rest)?);
    let (lat, lon) = (f64::from_le_bytes(take(&mut rest)?), f64::from_le_bytes(take(&mut rest)?));
    let class = Class::ALL.into_iter().find(|it| *it as u8 == class)?;
    let origin = Origin::ALL.into_iter().find(|it| *it as u8 == origin)?;
    let country = match country {
        [0, 0] => None,
        letters => Some(CountryCode::new(std::str::from_utf8(&letters).ok()?)?),
    };
    let place = match origin {
        Origin::Unknown => None,
        Origin::Override | Origin::Database | Origin::Country | Origin::Default => {
            Some(Place { coordinates: Coordinates::new(lat, lon).ok()?, country })
        }
    };
    let destination = match dc {
        0 => Destination::Nearest(class),
        dc => Destination::Dc(DcId(dc), class),
    };
    let location = Location { place, origin, asn: Some(Asn(asn)).filter(|asn| asn.0 != 0) };
    Some((ClientKey(hash), SeenClient { addr: None, location, destination, last }))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*first)
}
