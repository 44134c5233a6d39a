//! The data directory: whose form it has. There is no migration while nothing is deployed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The form of the items that this version reads and writes. Raised by whatever changes their keys or what stands in them.
const SHAPE: &str = "3";

/// Why a data directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It was written by a version with other items.
    #[error(
        "{} was written by another version of Holdfast, whose data this one does not read: remove it, or name another \
         directory with --data",
        .0.display()
    )]
    OtherShape(PathBuf),
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Makes sure that what the directory keeps has our form. Changes nothing in one of another.
pub(crate) fn claim(folder: &Path) -> Result<(), DataError> {
    let path = folder.join("shape");
    if !folder.join("dynamodb.sqlite").exists() {
        let written =
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, format!("{SHAPE}\n")));
        return written.map_err(|source| DataError::File { path, source });
    }
    match std::fs::read_to_string(&path) {
        Ok(shape) if shape.trim() == SHAPE => Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(DataError::File { path, source: error }),
        // The first version wrote none.
        Ok(_) | Err(_) => Err(DataError::OtherShape(folder.to_owned())),
    }
}
