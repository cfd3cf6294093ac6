//! What a policy keeps from one evaluation to the next, as a struct.

mod codec;

pub use codec::{Reader, Stored};

/// The memory of a policy. Made by [`memory!`](crate::memory!); `()` for a policy that keeps nothing.
pub trait Memory: Default {
    /// Number of the format, for the manifest: change it whenever the fields change. A version with another number starts
    /// with empty memory.
    const FORMAT: u32;
    /// Most bytes that it takes, for the manifest; 0 for none.
    const BYTES_MAX: u32;

    /// Appends the fields.
    fn write(&self, out: &mut Vec<u8>);

    /// The fields; `None` if the bytes are not what [`write`](Self::write) makes.
    fn read(bytes: &mut Reader<'_>) -> Option<Self>;
}

impl Memory for () {
    const FORMAT: u32 = 0;
    const BYTES_MAX: u32 = 0;

    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

/// Declares a policy's memory: the struct, and how it is kept.
///
/// Fields are of any type that is [`Stored`]: whole numbers, `f64`, `bool`, `String`, and `Option`, `Vec` and pairs of
/// these. The first memory is `Default`.
///
/// ```
/// trimtab_sdk::memory! {
///     /// What the policy remembers.
///     format 1, at most 4096 bytes;
///     #[derive(PartialEq)]
///     pub struct Past {
///         /// When it last asked for more.
///         pub raised_ms: Option<u64>,
///         /// Wishes: when, and how many.
///         pub wishes: Vec<(u64, u32)>,
///     }
/// }
/// assert_eq!(Past::default().wishes.len(), 0);
/// ```
#[macro_export]
macro_rules! memory {
    (
        $(#[doc = $doc:literal])*
        format $format:literal, at most $bytes:literal bytes;
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        $(#[$meta])*
        #[derive(Debug, Clone, Default)]
        $vis struct $name {
            $( $(#[$field_meta])* $field_vis $field: $type, )*
        }

        impl $crate::Memory for $name {
            const FORMAT: u32 = $format;
            const BYTES_MAX: u32 = $bytes;

            fn write(&self, out: &mut ::std::vec::Vec<u8>) {
                $( $crate::Stored::store(&self.$field, out); )*
            }

            fn read(bytes: &mut $crate::memory::Reader<'_>) -> ::std::option::Option<Self> {
                ::std::option::Option::Some(Self { $( $field: $crate::Stored::fetch(bytes)?, )* })
            }
        }
    };
}

/// The memory out of what was kept. Empty bytes are the first memory; damaged ones are `None`.
pub(crate) fn load<M: Memory>(bytes: &[u8]) -> Option<M> {
    if bytes.is_empty() {
        return Some(M::default());
    }
    let (head, body) = bytes.split_first_chunk::<8>()?;
    let (format, check) = head.split_first_chunk::<4>()?;
    if format != &M::FORMAT.to_le_bytes() || check != checksum(body).to_le_bytes() {
        return None;
    }
    let mut reader = Reader::new(body);
    let memory = M::read(&mut reader)?;
    reader.is_at_end().then_some(memory)
}

/// The bytes to keep: format, checksum, fields. Empty for a policy that keeps nothing.
pub(crate) fn save<M: Memory>(memory: &M) -> Vec<u8> {
    if M::BYTES_MAX == 0 {
        return Vec::new();
    }
    let mut body = Vec::new();
    memory.write(&mut body);
    let mut bytes = Vec::with_capacity(body.len() + 8);
    bytes.extend(M::FORMAT.to_le_bytes());
    bytes.extend(checksum(&body).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// FNV-1a, 32 bits: against damage, not against malice. The host keeps the bytes and is trusted with them.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests;
