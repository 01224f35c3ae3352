//! The files and folders that revocation lists are in.

use std::fs;
use std::path::{Path, PathBuf};

use super::crl::Crl;
use crate::tls::pem::{self, FileError, Pem};

/// Names of files that must be lists when they are in a folder of lists; others may be anything.
const EXTENSIONS: [&str; 3] = ["crl", "pem", "der"];

/// All lists in a file, or in the files of a folder, and all that is wrong with those.
pub(in crate::tls) fn read(path: &Path) -> (Vec<Crl>, Vec<FileError>) {
    if !path.is_dir() {
        return match of_file(path) {
            Ok(crls) => (crls, Vec::new()),
            Err(error) => (Vec::new(), vec![error]),
        };
    }
    let names = match names(path) {
        Ok(names) => names,
        Err(error) => return (Vec::new(), vec![error]),
    };
    let (mut crls, mut errors) = (Vec::new(), Vec::new());
    for file in names {
        match of_folder(&file) {
            Ok(found) => crls.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if crls.is_empty() && errors.is_empty() {
        let mend = "put the CAs' revocation lists there, or take the folder out of the settings: without a list \
                    nobody is known to be revoked";
        errors.push(FileError::new(path, "is a folder without a CRL", mend));
    }
    (crls, errors)
}

/// The files of a folder in the order of their names. Links are followed; a name that begins with a
/// dot is not for us (Kubernetes keeps the files of a volume in `..data`).
fn names(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| FileError::unreadable(folder, &error))?;
    let visible = entries.iter().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    // One that leads nowhere is kept: reading it says so.
    let mut files: Vec<_> =
        visible.map(fs::DirEntry::path).filter(|path| path.is_file() || !path.exists()).collect();
    files.sort();
    Ok(files)
}

fn must_be_a_list(file: &Path) -> bool {
    let extension = file.extension().map(|extension| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// The lists of a file in a folder; none when it does not look like one, in name or content.
fn of_folder(path: &Path) -> Result<Vec<Crl>, FileError> {
    if must_be_a_list(path) {
        return of_file(path);
    }
    let content = pem::read(path)?;
    if is_der(&content) {
        return match Crl::read(content.into(), path) {
            Ok(crl) => Ok(vec![crl]),
            Err(error) if error.is_damaged() => Ok(Vec::new()),
            Err(error) => Err(error.in_file(path)),
        };
    }
    let marker = b"BEGIN X509 CRL";
    if content.windows(marker.len()).any(|window| window == marker) {
        return of_content(path, content);
    }
    Ok(Vec::new())
}

fn of_file(path: &Path) -> Result<Vec<Crl>, FileError> {
    of_content(path, pem::read(path)?)
}

/// The lists of one file: one in DER, or any number in PEM.
fn of_content(path: &Path, content: Vec<u8>) -> Result<Vec<Crl>, FileError> {
    let ders = if is_der(&content) {
        vec![content.into()]
    } else {
        let pem = Pem::of(path, &content)?;
        drop(content);
        let found = pem.contents();
        let ders: Vec<_> = pem.crls().collect();
        if ders.is_empty() {
            let mend = "give the CA's revocation list, in PEM or DER";
            return Err(FileError::new(path, format!("has no CRL: {found}"), mend));
        }
        ders
    };
    let read = |der| Crl::read(der, path).map_err(|error| error.in_file(path));
    ders.into_iter().map(read).collect()
}

/// Everything of X.509 is a SEQUENCE, which has this tag in DER.
fn is_der(content: &[u8]) -> bool {
    content.first() == Some(&0x30)
}
