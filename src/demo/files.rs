//! The configuration of the demo, written where a daemon can read and watch it.

use std::io;
use std::path::PathBuf;

use tempfile::TempDir;

const MAIN: &str = include_str!("../../configs/demo.yaml");
const DC_OPTIONS: &str = include_str!("../../configs/demo_dc_options.yaml");

/// A directory of our own, removed when dropped.
pub(super) struct Files {
    directory: TempDir,
}

impl Files {
    /// Writes the files that are part of the program.
    ///
    /// # Errors
    /// When the directory for temporary files does not take them.
    pub(super) fn write() -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("nearpoint-demo-").tempdir()?;
        let files = Self { directory };
        std::fs::write(files.main(), MAIN)?;
        std::fs::write(files.directory.path().join("demo_dc_options.yaml"), DC_OPTIONS)?;
        Ok(files)
    }

    /// The main file.
    pub(super) fn main(&self) -> PathBuf {
        self.directory.path().join("demo.yaml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_embedded_configuration_loads_and_leaves_nothing_behind() {
        let files = Files::write().expect("a temporary directory");
        let loaded = config::load(&files.main()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.config.topology.dcs().len(), 3);
        assert_eq!(
            loaded.config.topology.access_points().len(),
            12,
            "TCP and UDP at six addresses"
        );
        let directory = files.directory.path().to_owned();
        drop(files);
        assert!(!directory.exists());
    }
}
