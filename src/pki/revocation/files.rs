//! Reads CRLs from files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use super::crl::Crl;
use crate::pki::pem::{self, Contents, Kind, Use, unreadable};
use crate::problem::{FileProblem, Problem};

/// A file in a folder of CRLs must be a CRL if its name has one of these endings. Other files may be anything.
const EXTENSIONS: [&str; 3] = ["crl", "pem", "der"];

/// The CRLs in files, and the problems with the files.
#[derive(Default)]
pub(crate) struct Found {
    /// The CRLs.
    pub(crate) crls: Vec<Crl>,
    /// Problems because of which the files cannot be used.
    pub(crate) errors: Vec<FileProblem>,
    /// Entries of folders that are ignored.
    pub(crate) warnings: Vec<FileProblem>,
}

impl Found {
    fn add(&mut self, crls: Result<Vec<Crl>, FileProblem>) {
        match crls {
            Ok(crls) => self.crls.extend(crls),
            Err(error) => self.errors.push(error),
        }
    }
}

/// All CRLs in a file or in the files of a folder, and all problems with these files.
pub(crate) fn read(path: &Path) -> Found {
    let mut found = Found::default();
    if !path.is_dir() {
        found.add(of_file(path));
        return found;
    }
    match names(path) {
        Ok(names) => names.iter().for_each(|name| found.of_folder(name)),
        Err(error) => found.errors.push(error),
    }
    if found.crls.is_empty() && found.errors.is_empty() {
        let hint = "put the CAs' revocation lists there, or take the folder out of the settings: without a list \
                    nobody is known to be revoked";
        found.errors.push(Problem::new("is a folder without a CRL", hint).in_file(path));
    }
    found
}

/// The entries of a folder, sorted by name. Names that begin with a dot are left out (Kubernetes keeps the files of a
/// volume in `..data`).
fn names(folder: &Path) -> Result<Vec<PathBuf>, FileProblem> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| unreadable(folder, &error))?;
    let visible = entries.iter().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut names: Vec<_> = visible.map(fs::DirEntry::path).collect();
    names.sort();
    Ok(names)
}

fn must_be_a_list(file: &Path) -> bool {
    let extension = file.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

impl Found {
    /// Reads one entry of a folder. A complete file that is not a CRL, by name and content, leads to a warning. A file
    /// that cannot be read completely may be a CRL, so it is an error.
    fn of_folder(&mut self, path: &Path) {
        if path.is_dir() {
            return self.pass_over(
                path,
                "is a folder, whose content is not read",
                "name it in clients.crl, too",
            );
        }
        // A dangling link is read as well, so that the error reports it.
        if path.exists() && !path.is_file() {
            return self.pass_over(path, "is neither a file nor a folder", "remove it from the folder");
        }
        if must_be_a_list(path) {
            return self.add(of_file(path));
        }
        let content = match pem::read(path) {
            Ok(content) => content,
            Err(error) => return self.errors.push(error),
        };
        let has_list = |contents: &Contents| contents.items().iter().any(|item| item.kind == Kind::Crl);
        match Contents::parse(&content) {
            Ok(contents) if !has_list(&contents) => {
                let what = format!("is not a CRL, and is not read: {}", contents.description());
                self.pass_over(path, what, "move it out of the folder");
            }
            _ => self.add(of_content(path, content)),
        }
    }

    fn pass_over(&mut self, path: &Path, what: impl Into<String>, hint: &'static str) {
        self.warnings.push(Problem::new(what, hint).in_file(path));
    }
}

fn of_file(path: &Path) -> Result<Vec<Crl>, FileProblem> {
    of_content(path, pem::read(path)?)
}

/// The CRLs in one file: one in DER, or any number in PEM.
fn of_content(path: &Path, content: Vec<u8>) -> Result<Vec<Crl>, FileProblem> {
    let contents = Contents::parse(&content).and_then(|contents| contents.fit_for(Use::Crls));
    let contents = contents.map_err(|problem| problem.in_file(path))?;
    drop(content);
    let found = contents.description();
    let ders: Vec<_> = contents.crls().collect();
    if ders.is_empty() {
        let hint = "give the CA's revocation list, in PEM or DER";
        return Err(Problem::new(format!("has no CRL: {found}"), hint).in_file(path));
    }
    let read = |der| Crl::read(der, path).map_err(|problem| problem.in_file(path));
    ders.into_iter().map(read).collect()
}
