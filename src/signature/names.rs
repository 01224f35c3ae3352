//! Enums whose variants have a name in the settings.

use thiserror::Error;

/// A name that is none of those that the settings know.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{value}` is not one of {names}")]
pub struct UnknownName {
    /// What was given.
    pub value: String,
    /// The names that exist, separated by commas.
    pub names: String,
}

/// Gives an enum `ALL`, `name()`, and `Display` and `FromStr`, which are inverses of each other.
macro_rules! named {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// All variants.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in the settings.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::signature::names::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|known| known.name() == name).ok_or_else(|| {
                    $crate::signature::names::UnknownName {
                        value: name.to_owned(),
                        names: [$($name),+].join(", "),
                    }
                })
            }
        }
    };
}

pub(super) use named;
