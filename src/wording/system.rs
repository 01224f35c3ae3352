use std::error::Error;

use landlock::RulesetError;
use notify::ErrorKind;

use super::transport::io;

/// Why folders cannot be watched.
pub fn watch(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::Io(error) => io(error),
        ErrorKind::PathNotFound => "a folder to watch does not exist".to_owned(),
        ErrorKind::WatchNotFound => "a folder is no longer watched".to_owned(),
        ErrorKind::MaxFilesWatch => "the system has no watches left".to_owned(),
        ErrorKind::InvalidConfig(_) | ErrorKind::Generic(_) => {
            "the system cannot watch these folders".to_owned()
        }
    }
}

/// Why the kernel does not restrict this process.
pub fn sandbox(error: &RulesetError) -> String {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref() {
            return format!("the kernel does not accept the rules: {}", io(error));
        }
        source = error.source();
    }
    "the kernel does not accept the rules".to_owned()
}
