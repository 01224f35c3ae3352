//! Finds the folders to watch for changes to a file: all folders in which a part of its path can be replaced.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The maximum number of symlinks that are followed for one file. Linux has the same limit.
const MAX_LINKS: usize = 40;

/// The folder of the file, and the folder of each symlink in its path. The link may be the file or one of its folders.
/// Kubernetes replaces the link `..data` beside the link that the settings name, certbot replaces the link that
/// they name, and `ln -sfn` replaces a folder. If a part of the path does not exist, the nearest existing folder is
/// used.
pub(crate) fn leading_to(path: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..MAX_LINKS {
        let Some((folder, target)) = first_link(&path) else { break };
        folders.insert(folder);
        path = target;
    }
    let nearest = path.ancestors().skip(1).find(|folder| folder.is_dir());
    let last = [path.is_dir().then_some(path.as_path()), nearest];
    folders.extend(last.into_iter().flatten().filter_map(|folder| folder.canonicalize().ok()));
    folders
}

/// Finds the first symlink in `path`. Returns its folder, and `path` with the link replaced by its target.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut walked = PathBuf::new();
    let mut components = path.components();
    while let Some(component) = components.next() {
        if component == Component::ParentDir {
            walked.pop();
            continue;
        }
        walked.push(component);
        if let Ok(target) = std::fs::read_link(&walked) {
            let folder = walked.parent().map(Path::to_owned).unwrap_or_default();
            let rest = components.as_path();
            // `join` with an empty path would add a slash, and the path would be a folder's.
            let mut path = folder.join(target).into_os_string();
            if !rest.as_os_str().is_empty() {
                path.push(OsString::from("/"));
                path.push(rest);
            }
            return Some((folder, path.into()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(root: &Path, path: &Path) -> Vec<String> {
        let below = |folder: &PathBuf| Some(folder.strip_prefix(root).ok()?.display().to_string());
        leading_to(path).iter().filter_map(below).collect()
    }

    #[test]
    fn a_plain_file_is_watched_in_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("certs")).unwrap();
        assert_eq!(names(&root, &root.join("certs/a.pem")), ["certs"]);
        assert_eq!(names(&root, &root.join("certs")), ["", "certs"]);
        assert_eq!(names(&root, &root.join("certs/not/there/a.pem")), ["certs"]);
    }

    #[test]
    fn the_folder_of_every_link_in_the_path_is_watched() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        // Kubernetes.
        fs::create_dir_all(root.join("secret/..2026")).unwrap();
        fs::write(root.join("secret/..2026/tls.crt"), "").unwrap();
        symlink("..2026", root.join("secret/..data")).unwrap();
        symlink("..data/tls.crt", root.join("secret/tls.crt")).unwrap();
        assert_eq!(names(&root, &root.join("secret/tls.crt")), ["secret", "secret/..2026"]);
        // certbot.
        fs::create_dir_all(root.join("live/x")).unwrap();
        fs::create_dir_all(root.join("archive/x")).unwrap();
        fs::write(root.join("archive/x/cert1.pem"), "").unwrap();
        symlink("../../archive/x/cert1.pem", root.join("live/x/cert.pem")).unwrap();
        assert_eq!(names(&root, &root.join("live/x/cert.pem")), ["archive/x", "live/x"]);
        // A link to a folder.
        symlink("secret", root.join("current")).unwrap();
        assert_eq!(names(&root, &root.join("current/tls.crt")), ["", "secret", "secret/..2026"]);
    }

    #[test]
    fn a_loop_of_links_ends() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert_eq!(names(&root, &root.join("a")), [""]);
    }
}
