//! Files that outlive the process, whatever ends it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Writes a file that only its owner may read (mode 0600), together with its directory. It is written beside its
/// place and then moved there, so whoever reads it finds all of the old one or all of the new one.
pub fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
