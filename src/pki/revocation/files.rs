//! The files and folders that revocation lists are in.

use std::fs;
use std::path::{Path, PathBuf};

use super::crl::Crl;
use crate::pki::pem::{self, Contents, Kind, Use, unreadable};
use crate::problem::{FileProblem, Problem};

/// Names of files that must be lists when they are in a folder of lists; others may be anything.
const EXTENSIONS: [&str; 3] = ["crl", "pem", "der"];

/// What files hold, and what is wrong with them.
#[derive(Default)]
pub(crate) struct Found {
    /// The lists.
    pub(crate) crls: Vec<Crl>,
    /// What keeps them from being used.
    pub(crate) errors: Vec<FileProblem>,
    /// What in a folder is no list.
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

/// All lists in a file, or in the files of a folder, and all that is wrong with those.
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

/// What is in a folder, in the order of its names. Links are followed; a name that begins with a dot is not
/// for us (Kubernetes keeps the files of a volume in `..data`).
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
    /// Takes an entry of a folder. What is whole and no list, by name and content, is only warned of; what cannot
    /// be read as a whole may be meant as one.
    fn of_folder(&mut self, path: &Path) {
        if path.is_dir() {
            return self.pass_over(
                path,
                "is a folder, and what is in it is not read",
                "name it in clients.crl, too",
            );
        }
        // One that leads nowhere is read as well, which says so.
        if path.exists() && !path.is_file() {
            return self.pass_over(path, "is neither a file nor a folder", "take it out of the folder");
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
                let what = format!("is no CRL, and is not read: {}", contents.description());
                self.pass_over(path, what, "take it out of the folder, or put it where it belongs");
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

/// The lists of one file: one in DER, or any number in PEM.
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
