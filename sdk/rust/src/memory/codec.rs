//! How fields of a memory become bytes: fixed little-endian numbers, and a `u32` count before what varies in length. The
//! same value is always the same bytes, on every machine.

/// A value that a memory may hold.
pub trait Stored: Sized {
    /// Appends the value.
    fn store(&self, out: &mut Vec<u8>);

    /// The next value; `None` if the bytes do not hold one.
    fn fetch(bytes: &mut Reader<'_>) -> Option<Self>;
}

/// Reads bytes from front to back.
#[derive(Debug)]
pub struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*chunk)
    }

    fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::fetch(self)?).ok()
    }
}

macro_rules! stored_numbers {
    ($( $type:ty ),*) => {
        $(
            impl Stored for $type {
                fn store(&self, out: &mut Vec<u8>) {
                    out.extend(self.to_le_bytes());
                }

                fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
                    bytes.chunk().map(Self::from_le_bytes)
                }
            }
        )*
    };
}

stored_numbers!(u8, u32, i32, u64, i64, f64);

impl Stored for bool {
    fn store(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        match u8::fetch(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Stored for String {
    fn store(&self, out: &mut Vec<u8>) {
        store_count(self.len(), out);
        out.extend(self.as_bytes());
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        let count = bytes.count()?;
        std::str::from_utf8(bytes.bytes(count)?).ok().map(str::to_owned)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn store(&self, out: &mut Vec<u8>) {
        self.is_some().store(out);
        if let Some(value) = self {
            value.store(out);
        }
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        if bool::fetch(bytes)? { T::fetch(bytes).map(Some) } else { Some(None) }
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn store(&self, out: &mut Vec<u8>) {
        store_count(self.len(), out);
        for value in self {
            value.store(out);
        }
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        let count = bytes.count()?;
        // No room is set aside by the count alone: a damaged one would ask for all memory there is.
        (0..count).map(|_| T::fetch(bytes)).collect()
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn store(&self, out: &mut Vec<u8>) {
        self.0.store(out);
        self.1.store(out);
    }

    fn fetch(bytes: &mut Reader<'_>) -> Option<Self> {
        Some((A::fetch(bytes)?, B::fetch(bytes)?))
    }
}

/// A count above `u32::MAX` is cut: no memory of that size passes the bound on its bytes.
fn store_count(count: usize, out: &mut Vec<u8>) {
    u32::try_from(count).unwrap_or(u32::MAX).store(out);
}
