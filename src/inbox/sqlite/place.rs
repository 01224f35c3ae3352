//! Whether a database may be where it is: who can read it, and whether the file system keeps its promises.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::names::folder;
use super::open::OpenError;
use crate::wording;

/// File systems over the network, and those that a program provides: of them it is not known whether locks hold between processes
/// and whether what was synced is on a disk. With their numbers from statfs(2).
const REFUSED: [(i64, &str); 12] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9P"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x7461_636f, "OCFS2"),
    (0x786f_4256, "a shared folder of VirtualBox"),
];

/// Checks folder and file, as far as they exist.
pub(super) fn check(path: &Path) -> Result<(), OpenError> {
    let folder = folder(path);
    if let Some(metadata) = existing(folder)? {
        if !metadata.is_dir() {
            return Err(files(folder, "it is not a folder: name another one in inbox.path".to_owned()));
        }
        if is_open_to_others(&metadata) {
            let what = format!(
                "other users may use this folder (mode {:04o}): run chmod 0700 {}, or name a folder of its own in inbox.path",
                metadata.permissions().mode() & 0o7777,
                folder.display()
            );
            return Err(files(folder, what));
        }
        if let Some(name) = refused(folder) {
            let what = format!(
                "this file system is {name}, which may lose or damage the database: name a folder on a local disk in inbox.path"
            );
            return Err(files(folder, what));
        }
    }
    if let Some(metadata) = existing(path)? {
        if !metadata.is_file() {
            return Err(files(path, "it is not a file: name another one in inbox.path".to_owned()));
        }
        if is_open_to_others(&metadata) {
            let what = format!(
                "other users may use this file (mode {:04o}): run chmod 0600 {}",
                metadata.permissions().mode() & 0o7777,
                path.display()
            );
            return Err(files(path, what));
        }
    }
    Ok(())
}

fn existing(path: &Path) -> Result<Option<Metadata>, OpenError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(of_io(path, &error)),
    }
}

fn is_open_to_others(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o077 != 0
}

/// The name of the file system if it is refused.
#[cfg(target_os = "linux")]
fn refused(folder: &Path) -> Option<&'static str> {
    // The type of the number differs between platforms.
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_lossless,
        reason = "it is another type on other platforms"
    )]
    let number = rustix::fs::statfs(folder).ok()?.f_type as i64;
    name_of_refused(number)
}

#[cfg(not(target_os = "linux"))]
fn refused(_: &Path) -> Option<&'static str> {
    None
}

fn name_of_refused(number: i64) -> Option<&'static str> {
    // Some platforms have 32 bits with a sign.
    REFUSED.iter().find(|(known, _)| *known == number & 0xffff_ffff).map(|(_, name)| *name)
}

/// For a file or folder that cannot be used.
pub(super) fn files(path: &Path, what: String) -> OpenError {
    OpenError::Files { path: path.to_owned(), what }
}

/// For a file or folder of which the system reports an error.
pub(super) fn of_io(path: &Path, error: &io::Error) -> OpenError {
    files(path, wording::io(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_over_the_network_are_refused_also_where_their_number_has_a_sign() {
        assert_eq!(name_of_refused(0x6969), Some("NFS"));
        assert_eq!(name_of_refused(0xff53_4d42_u32.cast_signed().into()), Some("CIFS"));
        // ext4, XFS, btrfs, tmpfs, overlayfs.
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630] {
            assert_eq!(name_of_refused(local), None, "{local:x}");
        }
    }
}
