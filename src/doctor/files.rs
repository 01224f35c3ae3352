//! Whether other users can read the secrets, or change what clawgate trusts.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::config::Settings;
use crate::finding::{Area, Check, Finding, Subject};

/// Permission bits of a file or folder.
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const OTHERS_ENTER: u32 = 0o001;
const GROUP_WRITE: u32 = 0o020;
/// In a folder with this bit, only a file's owner can replace it.
const STICKY: u32 = 0o1000;

pub(super) fn findings(settings: &Settings) -> Vec<Finding> {
    let keys = settings.reloadable.material_paths.private_keys.iter();
    let keys = keys.map(|path| secret(&Subject::new(Area::Files, path.display()), path));
    let files =
        settings.files.paths().map(|path| alterable(&Subject::new(Area::Files, path.display()), path));
    let found: Vec<_> = keys.flatten().chain(files.flatten()).collect();
    if found.is_empty() {
        return vec![
            Subject::new(Area::Files, "")
                .pass(Check::Modes, "no other user can change them or read the key"),
        ];
    }
    found
}

fn secret(place: &Subject, path: &Path) -> Option<Finding> {
    let mode = path.metadata().ok()?.permissions().mode();
    (mode & OTHERS_READ != 0 && is_within_reach(path)).then(|| {
        place.fail(
            Check::Readable,
            format!("the private key can be read by every user (mode {:03o})", mode & 0o777),
            format!("chmod o-r {} (in Kubernetes: defaultMode 0440); have the certificate issued again for a new \
                     key if others have been on this machine", path.display()),
        )
    })
}

/// Whether other users can change or replace the file. That would let them decide which clients are admitted.
fn alterable(place: &Subject, path: &Path) -> Option<Finding> {
    let file = path.metadata().ok().filter(|_| is_within_reach(path))?;
    let mode = file.permissions().mode();
    let shown = path.display();
    if mode & OTHERS_WRITE != 0 {
        let detail = format!("can be changed by every user (mode {:03o})", mode & 0o777);
        return Some(place.fail(Check::Writable, detail, format!("chmod o-w {shown}")));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let open = |folder: &Metadata| {
        let mode = folder.permissions().mode();
        mode & OTHERS_WRITE != 0 && mode & STICKY == 0
    };
    if folder.metadata().is_ok_and(|folder| open(&folder)) {
        let folder = folder.display();
        let detail = format!(
            "can be replaced by every user, because every user can write to its folder {folder}"
        );
        return Some(place.fail(Check::Writable, detail, format!("chmod o-w {folder}")));
    }
    // A warning only: a group may be intended, so that a renewal tool can write. If group and owner have the
    // same number, the group is the owner's own or root's.
    if mode & GROUP_WRITE != 0 && file.is_file() && file.gid() != file.uid() {
        let detail =
            format!("can be changed by its group (mode {:03o}, group {})", mode & 0o777, file.gid());
        return Some(place.warning(
            Check::Writable,
            detail,
            format!("chmod g-w {shown}, unless this is intended"),
        ));
    }
    None
}

/// Whether other users can reach the file. If they may not enter one of its folders, its own mode does not matter.
fn is_within_reach(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let open = |folder: &Path| {
        folder.metadata().is_ok_and(|folder| folder.permissions().mode() & OTHERS_ENTER != 0)
    };
    path.ancestors().skip(1).all(open)
}
