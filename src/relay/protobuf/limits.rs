//! How large schemas, and the JSON of messages, may be.

/// A file of a schema may have so many bytes.
pub const MAX_SCHEMA_FILE: usize = 1024 * 1024;

/// A schema may have so many files, with those that it imports.
pub const MAX_SCHEMA_FILES: usize = 100;

/// JSON for a message may have so many levels. A `google.protobuf.Struct` with them has 96 messages within each other, and most
/// libraries read at most 100.
pub const MAX_DEPTH: usize = 32;

/// JSON for a message may have so many values, with the objects and arrays that they are in.
pub const MAX_VALUES: usize = 16_384;
