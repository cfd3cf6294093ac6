//! Base64 of RFC 4648 with padding: so little of it is needed (keys and signatures) that it is written out here.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes as text.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS.get((word >> (18 - 6 * place) & 63) as usize);
            text.push(if place <= group.len() { digit.map_or('=', |digit| char::from(*digit)) } else { '=' });
        }
    }
    text
}

/// Text as bytes; `None` where it is not the one text that [`encode`] makes of them.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.as_bytes().chunks(4) {
        let mut word = 0_u32;
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        for byte in group.iter().take(4 - padding.min(2)) {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            word = word << 6 | u32::try_from(digit).ok()?;
        }
        let [_, first, second, third] = (word << (6 * padding.min(2))).to_be_bytes();
        bytes.extend([first, second, third].into_iter().take(3 - padding.min(2)));
    }
    (encode(&bytes) == text).then_some(bytes)
}
