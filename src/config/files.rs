//! The files that the settings name, as they were before they were read.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, Digest, SHA256};

/// Files and folders, each as it was just before it was read, whether or not that was possible. A file that is written
/// later, even while it is read, differs from that.
#[derive(Debug, Default)]
pub struct Files {
    all: BTreeMap<PathBuf, FileState>,
    /// Those that hold a secret, and what may be shown of them.
    secret: BTreeMap<PathBuf, Shown>,
}

/// What may be shown of the content of a file with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// When it was written. The digest of a short secret would give it away.
    Time,
    /// Nothing: the certificate shows which private key it is, and settings are shown one by one.
    Nothing,
}

impl Files {
    /// Notes that `paths` hold secrets.
    pub(super) fn hide(&mut self, paths: impl IntoIterator<Item = PathBuf>, shown: Shown) {
        self.secret.extend(paths.into_iter().map(|path| (path, shown)));
    }

    /// Records how `paths` are now.
    pub(super) fn record(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        for path in paths {
            let state = FileState::of(&path);
            self.all.insert(path, state);
        }
    }

    /// What is shown of their contents: a digest, or less if they hold a secret.
    pub(super) fn marks(&self) -> Vec<String> {
        let shown = |path: &PathBuf| self.secret.get(path).copied();
        let all = self.all.iter().filter(|(path, _)| shown(path) != Some(Shown::Nothing));
        all.map(|(path, state)| state.mark(path, shown(path).is_some())).collect()
    }

    /// Their names.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.all.keys().map(PathBuf::as_path)
    }

    /// Whether one of them has another content now. `thoroughly`: compares contents even where the times are the same.
    pub fn differ(&self, thoroughly: bool) -> bool {
        self.all.iter().any(|(path, state)| state.differs(path, thoroughly))
    }
}

/// A file, or a folder with the files in it.
#[derive(Debug)]
struct FileState {
    /// Compared first, since they are cheap to get.
    marks: Vec<Mark>,
    /// Over names and contents.
    content: Digest,
}

impl FileState {
    fn of(path: &Path) -> Self {
        Self { marks: marks(path), content: digest(path) }
    }

    fn mark(&self, path: &Path, is_secret: bool) -> String {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let shown = whole.display();
        match self.marks.first() {
            None => format!("{shown}: not there"),
            Some(mark) if is_secret => {
                let (seconds, nanoseconds) = mark.written;
                format!("{shown}: written at {seconds}.{nanoseconds:09}")
            }
            Some(_) => {
                format!("{shown}: SHA-256 {}", data_encoding::HEXLOWER.encode(self.content.as_ref()))
            }
        }
    }

    fn differs(&self, path: &Path, thoroughly: bool) -> bool {
        (thoroughly || self.marks != marks(path)) && self.content.as_ref() != digest(path).as_ref()
    }
}

/// A file's place and times. While they are the same, the content almost certainly is, too.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl From<Metadata> for Mark {
    fn from(metadata: Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Those of a file, or of a folder and its entries; none for what does not exist.
fn marks(path: &Path) -> Vec<Mark> {
    let mut all = vec![path.to_owned()];
    all.extend(files_in(path));
    all.iter().filter_map(|path| fs::metadata(path).ok()).map(Mark::from).collect()
}

/// The entries of a folder, in order; none where `path` is a file.
fn files_in(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Over the contents. A file that cannot be read differs from every one that can.
fn digest(path: &Path) -> Digest {
    let mut context = Context::new(&SHA256);
    let files = files_in(path);
    if files.is_empty() {
        read_into(path, &mut context);
    }
    for file in files {
        context.update(file.as_os_str().as_encoded_bytes());
        context.update(&[0]);
        read_into(&file, &mut context);
    }
    context.finish()
}

fn read_into(path: &Path, context: &mut Context) {
    struct Sink<'a>(&'a mut Context);

    impl io::Write for Sink<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // Reading a pipe would block, and its content is gone after that.
    let read = fs::metadata(path).and_then(|metadata| {
        if !metadata.is_file() {
            return Ok(0);
        }
        io::copy(&mut File::open(path)?, &mut Sink(context))
    });
    match read {
        Ok(length) => context.update(&length.to_le_bytes()),
        Err(error) => context.update(format!("{:?}", error.kind()).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_written_anew_is_no_difference() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        fs::write(&file, "one").unwrap();
        let state = FileState::of(&file);
        fs::remove_file(&file).unwrap();
        assert!(state.differs(&file, false));
        fs::write(&file, "one").unwrap();
        assert!(!state.differs(&file, true));
        fs::write(&file, "two").unwrap();
        assert!(state.differs(&file, false));
    }

    #[test]
    fn a_file_more_or_less_in_a_folder_is_a_difference() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.crl"), "a").unwrap();
        let state = FileState::of(dir.path());
        fs::write(dir.path().join("b.crl"), "b").unwrap();
        assert!(state.differs(dir.path(), false));
        fs::remove_file(dir.path().join("b.crl")).unwrap();
        assert!(!state.differs(dir.path(), true));
        fs::rename(dir.path().join("a.crl"), dir.path().join("c.crl")).unwrap();
        assert!(state.differs(dir.path(), false));
    }
}
