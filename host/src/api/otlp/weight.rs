//! How much a request would take in memory, told from its bytes before anything is made of them: in protobuf two bytes can
//! stand for a struct of a hundred.

/// Most things in one request: resources, metrics, data points, attributes and the like, some 200 bytes each once decoded.
const THINGS_MAX: usize = 50_000;
/// Lists within lists within attributes.
const DEPTH_MAX: usize = 16;

/// Why it is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heavy {
    /// It is no protobuf, or nested too deeply to be of use.
    Malformed,
    /// There are too many things in it.
    TooMany {
        /// Most that may be.
        most: usize,
    },
}

/// Messages that hold messages.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Request,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    Metric,
    Points,
    Point,
    KeyValue,
    AnyValue,
    AnyValues,
    KeyValues,
    /// Holds none that matter.
    Leaf,
}

impl Kind {
    /// What stands in this field, where it is a message.
    fn field(self, number: u64) -> Option<Self> {
        match (self, number) {
            (Self::Request, 1) => Some(Self::ResourceMetrics),
            (Self::ResourceMetrics, 1) => Some(Self::Resource),
            (Self::ResourceMetrics, 2) => Some(Self::ScopeMetrics),
            (Self::ScopeMetrics, 1) => Some(Self::Scope),
            (Self::ScopeMetrics, 2) => Some(Self::Metric),
            (Self::Metric, 5 | 7 | 9 | 10 | 11) => Some(Self::Points),
            (Self::Resource | Self::KeyValues, 1) | (Self::Scope, 3) | (Self::Metric, 12) => Some(Self::KeyValue),
            (Self::Points, 1) => Some(Self::Point),
            // The kinds of data points have their attributes in different fields.
            (Self::Point, 1 | 7 | 9) => Some(Self::KeyValue),
            (Self::Point, 5 | 6 | 8 | 11) | (Self::Resource, 3) => Some(Self::Leaf),
            (Self::KeyValue, 2) | (Self::AnyValues, 1) => Some(Self::AnyValue),
            (Self::AnyValue, 5) => Some(Self::AnyValues),
            (Self::AnyValue, 6) => Some(Self::KeyValues),
            _ => None,
        }
    }
}

/// Refuses what would take too much.
pub(super) fn check(bytes: &[u8]) -> Result<(), Heavy> {
    let mut things = 0;
    message(bytes, Kind::Request, 0, &mut things)
}

fn message(mut bytes: &[u8], kind: Kind, depth: usize, things: &mut usize) -> Result<(), Heavy> {
    if depth > DEPTH_MAX {
        return Err(Heavy::Malformed);
    }
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => drop(take(&mut bytes, 8)?),
            5 => drop(take(&mut bytes, 4)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).map_err(|_| Heavy::Malformed)?;
                let inner = take(&mut bytes, length)?;
                if let Some(kind) = kind.field(tag >> 3) {
                    *things += 1;
                    if *things > THINGS_MAX {
                        return Err(Heavy::TooMany { most: THINGS_MAX });
                    }
                    message(inner, kind, depth + 1, things)?;
                }
            }
            // Groups are of another age.
            _ => return Err(Heavy::Malformed),
        }
    }
    Ok(())
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Heavy> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Heavy::Malformed)?;
    *bytes = rest;
    Ok(taken)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Heavy> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take(bytes, 1)? else { return Err(Heavy::Malformed) };
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Heavy::Malformed)
}
