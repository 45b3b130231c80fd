//! Points on the globe and the distance between them.

use std::fmt;
use std::time::Duration;

/// Mean radius of the earth (IUGG R1).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Light in fibre covers 200 km in a millisecond, so a round trip over 100 km takes one.
const KM_PER_ROUND_TRIP_MS: f64 = 100.0;

/// A point on the globe, in degrees. Holds its unit vector, so that a distance costs one dot product
/// and one arc.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    lat: f64,
    lon: f64,
    unit: [f64; 3],
}

/// Why a pair of numbers is no point on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CoordinatesError {
    /// Outside -90..90 or not a number.
    Latitude(f64),
    /// Outside -180..180 or not a number.
    Longitude(f64),
}

impl fmt::Display for CoordinatesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latitude(lat) => write!(f, "latitude {lat} is outside -90..90"),
            Self::Longitude(lon) => write!(f, "longitude {lon} is outside -180..180"),
        }
    }
}

impl std::error::Error for CoordinatesError {}

impl Coordinates {
    /// A point from degrees north and degrees east.
    ///
    /// # Errors
    /// When a number is out of its range or not a number.
    pub fn new(lat: f64, lon: f64) -> Result<Self, CoordinatesError> {
        if !(-90.0..=90.0).contains(&lat) {
            return Err(CoordinatesError::Latitude(lat));
        }
        if !(-180.0..=180.0).contains(&lon) {
            return Err(CoordinatesError::Longitude(lon));
        }
        let (phi, lambda) = (lat.to_radians(), lon.to_radians());
        let unit = [phi.cos() * lambda.cos(), phi.cos() * lambda.sin(), phi.sin()];
        Ok(Self { lat, lon, unit })
    }

    /// Degrees north.
    #[must_use]
    pub fn lat(&self) -> f64 {
        self.lat
    }

    /// Degrees east.
    #[must_use]
    pub fn lon(&self) -> f64 {
        self.lon
    }

    /// Great-circle distance. Through the chord, which unlike the arc cosine of the dot product is
    /// exact for neighbours too.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Kilometers {
        let chord_squared: f64 =
            self.unit.iter().zip(&other.unit).map(|(a, b)| (a - b) * (a - b)).sum();
        Kilometers(2.0 * EARTH_RADIUS_KM * (chord_squared.sqrt() / 2.0).min(1.0).asin())
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2},{:.2}", self.lat, self.lon)
    }
}

/// A length along the globe.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Kilometers(pub f64);

impl Kilometers {
    /// The least round trip over this distance: light in fibre, there and back.
    #[must_use]
    pub fn round_trip(self) -> Millis {
        Millis(self.0 / KM_PER_ROUND_TRIP_MS)
    }
}

impl fmt::Display for Kilometers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} km", self.0)
    }
}

/// A cost or a round trip in milliseconds; never NaN.
#[derive(Default, Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Millis(pub f64);

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self(duration.as_secs_f64() * 1e3)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0 < 10.0 { 1 } else { 0 };
        write!(f, "{:.*} ms", digits, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(lat: f64, lon: f64) -> Coordinates {
        Coordinates::new(lat, lon).expect("a point of the test")
    }

    fn anywhere() -> impl Strategy<Value = Coordinates> {
        (-90.0..=90.0, -180.0..=180.0).prop_map(|(lat, lon)| point(lat, lon))
    }

    #[test]
    fn distances_agree_with_published_ones() {
        let amsterdam = point(52.37, 4.90);
        let miami = point(25.77, -80.19);
        let singapore = point(1.35, 103.82);
        assert!((amsterdam.distance(&miami).0 - 7430.0).abs() < 20.0);
        assert!((amsterdam.distance(&singapore).0 - 10510.0).abs() < 20.0);
        assert!((point(0.0, 0.0).distance(&point(0.0, 1.0)).0 - 111.195).abs() < 0.001);
    }

    #[test]
    fn antipodes_and_the_date_line_are_no_exception() {
        assert!((point(0.0, 0.0).distance(&point(0.0, 180.0)).0 - 20015.1).abs() < 0.1);
        assert!(point(0.0, 179.9).distance(&point(0.0, -179.9)).0 < 23.0);
        assert!(point(90.0, 10.0).distance(&point(90.0, -170.0)).0 < 1e-6);
    }

    #[test]
    fn numbers_off_the_globe_are_refused() {
        assert_eq!(Coordinates::new(90.1, 0.0), Err(CoordinatesError::Latitude(90.1)));
        assert_eq!(Coordinates::new(0.0, -180.5), Err(CoordinatesError::Longitude(-180.5)));
        assert!(Coordinates::new(f64::NAN, 0.0).is_err());
        assert!(Coordinates::new(0.0, f64::INFINITY).is_err());
    }

    /// The textbook formula (Sinnott, 1984), which loses digits only towards the antipode.
    fn haversine(a: &Coordinates, b: &Coordinates) -> f64 {
        let [phi_a, phi_b] = [a.lat, b.lat].map(f64::to_radians);
        let half = |angle: f64| (angle / 2.0).sin().powi(2);
        let lambda = (b.lon - a.lon).to_radians();
        let share = half(phi_b - phi_a) + phi_a.cos() * phi_b.cos() * half(lambda);
        2.0 * EARTH_RADIUS_KM * share.sqrt().min(1.0).asin()
    }

    proptest! {
        /// To a metre, and to ten next to the antipode, where either formula has few digits left.
        #[test]
        fn distance_is_that_of_the_textbook(a in anywhere(), b in anywhere()) {
            let (distance, textbook) = (a.distance(&b).0, haversine(&a, &b));
            let most = if textbook < 20_000.0 { 0.001 } else { 0.01 };
            prop_assert!((distance - textbook).abs() < most, "{distance} {textbook}");
        }

        /// Neighbours are told apart to the centimetre.
        #[test]
        fn neighbours_are_as_far_as_they_are(a in anywhere(), north in -0.01..0.01, east in -0.01..0.01) {
            let near = |degrees: f64, by: f64, end: f64| (degrees + by).clamp(-end, end);
            let b = point(near(a.lat, north, 90.0), near(a.lon, east, 180.0));
            prop_assert!((a.distance(&b).0 - haversine(&a, &b)).abs() < 1e-5);
        }

        #[test]
        fn distance_is_a_metric(a in anywhere(), b in anywhere(), c in anywhere()) {
            prop_assert!(a.distance(&a).0 == 0.0);
            prop_assert_eq!(a.distance(&b), b.distance(&a));
            prop_assert!(a.distance(&b).0 <= std::f64::consts::PI * EARTH_RADIUS_KM + 1e-6);
            prop_assert!(a.distance(&c).0 <= a.distance(&b).0 + b.distance(&c).0 + 1e-6);
        }
    }
}
