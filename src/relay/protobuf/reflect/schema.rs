//! Reads a `.proto` file with its imports, or a compiled descriptor set.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use protox::Compiler;
use protox::file::{File as ProtoFile, FileResolver, GoogleFileResolver};

use crate::relay::protobuf::limits::{MAX_SCHEMA_FILE, MAX_SCHEMA_FILES};
use crate::relay::protobuf::schema_error::{SchemaError, SchemaFault};
use crate::wording;

/// The most brackets within each other: the parser needs some of the stack for each.
const MAX_BRACKETS: usize = 64;

/// The message with this full name in a schema.
pub(super) fn message(schema: &Path, name: &str) -> Result<MessageDescriptor, SchemaError> {
    let shown = schema.display().to_string();
    let at = |fault| SchemaError { place: Some(shown.clone()), fault };
    let content = read(schema).map_err(at)?;
    let pool = match FileDescriptorSet::decode(&*content) {
        // The file with `\n` alone at its beginning is a .proto file: what follows is no length and content of a set.
        Ok(set) if set.file.iter().any(|file| file.name.is_some()) => {
            let pool = DescriptorPool::from_file_descriptor_set(set);
            pool.map_err(|error| at(SchemaFault::WrongSet(error.to_string())))?
        }
        _ => compile(schema, &content)?,
    };
    pool.get_message_by_name(name).ok_or_else(|| {
        let written = |message: &MessageDescriptor| {
            !message.is_map_entry() && !message.full_name().starts_with("google.protobuf.")
        };
        let known = pool.all_messages().filter(written).map(|message| message.full_name().to_owned());
        at(SchemaFault::NoMessage { name: name.to_owned(), known: known.collect() })
    })
}

/// The files that a schema imports, directly or not, whether or not they are there.
pub(in super::super) fn imported_files(schema: &Path) -> Vec<PathBuf> {
    let Some((files, name)) = Files::beside(schema) else { return Vec::new() };
    let mut left = vec![name];
    while let Some(name) = left.pop() {
        let Ok(file) = files.open_file(&name) else { continue };
        let names = &file.file_descriptor_proto().dependency;
        left.extend(names.iter().filter(|name| !files.opened.borrow().contains(name)).cloned());
    }
    files.opened.into_inner().into_iter().skip(1).map(|name| files.folder.join(name)).collect()
}

fn compile(schema: &Path, content: &[u8]) -> Result<DescriptorPool, SchemaError> {
    let at = |fault| SchemaError { place: Some(schema.display().to_string()), fault };
    let is_text = str::from_utf8(content).is_ok_and(|text| !text.contains('\0'));
    let Some((files, name)) = Files::beside(schema).filter(|_| is_text) else {
        return Err(at(SchemaFault::OtherFile));
    };
    let (folder, refused) = (files.folder.clone(), Rc::clone(&files.refused));
    let mut compiler = Compiler::with_file_resolver(files);
    compiler.include_imports(true).include_source_info(false);
    match compiler.open_file(&name) {
        Ok(compiler) => Ok(compiler.descriptor_pool()),
        Err(error) => Err(refused.take().unwrap_or_else(|| explain(&error, &folder, &name))),
    }
}

/// What the compiler says.
fn explain(error: &protox::Error, folder: &Path, schema: &str) -> SchemaError {
    // The `Debug` text has file, line and column before the sentence of `Display`.
    let (debug, mut sentence) = (format!("{error:?}"), error.to_string());
    let place = debug.strip_suffix(&sentence).map(|place| place.trim_end_matches([' ', ':']));
    let place = place.filter(|place| !place.is_empty()).or(error.file()).unwrap_or(schema);
    let place = Some(folder.join(place).display().to_string());
    if sentence == "invalid group name" {
        sentence += ", or an import that is not beside the schema or below it";
    }
    let fault = if error.is_file_not_found() { SchemaFault::NotThere } else { SchemaFault::Wrong };
    SchemaError { place, fault: fault(sentence) }
}

fn read(path: &Path) -> Result<Vec<u8>, SchemaFault> {
    let unreadable = |error: std::io::Error| SchemaFault::Unreadable(wording::io(&error));
    let mut content = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_SCHEMA_FILE as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() > MAX_SCHEMA_FILE { Err(SchemaFault::TooLarge) } else { Ok(content) }
}

/// The files of a schema: those in its folder, and those of `google/protobuf/`.
struct Files {
    folder: PathBuf,
    google: GoogleFileResolver,
    /// The names of those in the folder that were asked for.
    opened: RefCell<Vec<String>>,
    /// Why one of them was refused. The compiler does not give it back.
    refused: Rc<RefCell<Option<SchemaError>>>,
}

impl Files {
    /// Those of this schema, and its name among them; `None` if it has no name that a schema can have.
    fn beside(schema: &Path) -> Option<(Self, String)> {
        let name = schema.file_name()?.to_str()?.to_owned();
        let folder = schema.parent().unwrap_or(Path::new("")).to_owned();
        let (google, opened, refused) = (GoogleFileResolver::new(), RefCell::default(), Rc::default());
        Some((Self { folder, google, opened, refused }, name))
    }

    fn source(&self, name: &str) -> Result<Option<String>, SchemaFault> {
        if self.opened.borrow().len() >= MAX_SCHEMA_FILES {
            return Err(SchemaFault::TooManyFiles);
        }
        self.opened.borrow_mut().push(name.to_owned());
        let path = self.folder.join(name);
        // The parser refuses other names, such as `../person.proto`.
        let is_beside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_beside || !path.exists() {
            return Ok(None);
        }
        let source = String::from_utf8(read(&path)?).map_err(|_| SchemaFault::OtherFile)?;
        if brackets(&source) > MAX_BRACKETS {
            return Err(SchemaFault::TooDeep(MAX_BRACKETS));
        }
        Ok(Some(source))
    }
}

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<ProtoFile, protox::Error> {
        if let Ok(file) = self.google.open_file(name) {
            return Ok(file);
        }
        match self.source(name) {
            Ok(Some(source)) => ProtoFile::from_source(name, &source),
            Ok(None) => Err(protox::Error::file_not_found(name)),
            Err(fault) => {
                let place = Some(self.folder.join(name).display().to_string());
                self.refused.replace(Some(SchemaError { place, fault }));
                Err(protox::Error::new("refused"))
            }
        }
    }
}

/// How many brackets are within each other at most; those in comments and texts count, too.
fn brackets(source: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in source.bytes() {
        match byte {
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
