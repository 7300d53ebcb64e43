//! Encodings of text: what a file is written in, and its conversion to UTF-8 as it is read.

use std::io::{self, Read};

/// The encoding of a text file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16 with the less significant byte first, as Excel's "Unicode Text".
    Utf16Le,
    /// UTF-16 with the more significant byte first.
    Utf16Be,
    /// Windows-1252, which has all characters of Latin-1.
    Windows1252,
}

impl Encoding {
    /// The name of the encoding.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16",
            Self::Utf16Be => "UTF-16 (big-endian)",
            Self::Windows1252 => "Latin-1 (Windows-1252)",
        }
    }

    /// The encoding of a text that begins with these bytes.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0xff, 0xfe, ..] => return Self::Utf16Le,
            [0xfe, 0xff, ..] => return Self::Utf16Be,
            _ => (),
        }
        // Without a byte order mark, the other half of each Latin letter is 0.
        let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
        let (even, odd) = (zeros(0), zeros(1));
        if head.len() >= 4 && 3 * odd >= head.len() && even == 0 {
            return Self::Utf16Le;
        }
        if head.len() >= 4 && 3 * even >= head.len() && odd == 0 {
            return Self::Utf16Be;
        }
        match std::str::from_utf8(head) {
            // The last character may be incomplete.
            Err(error) if error.error_len().is_some() => Self::Windows1252,
            _ => Self::Utf8,
        }
    }

    /// Converts bytes to UTF-8, and returns how many were converted: the last character may be incomplete. `is_end`
    /// tells whether no more follow.
    pub(super) fn decode(self, bytes: &[u8], is_end: bool, text: &mut Vec<u8>) -> usize {
        match self {
            Self::Utf8 => {
                text.extend(bytes);
                bytes.len()
            }
            Self::Windows1252 => {
                let mut buffer = [0; 4];
                bytes.iter().for_each(|byte| text.extend(windows_1252(*byte).encode_utf8(&mut buffer).bytes()));
                bytes.len()
            }
            Self::Utf16Le | Self::Utf16Be => {
                let unit = |pair: &[u8]| match self {
                    Self::Utf16Be => u16::from_be_bytes([pair[0], pair[1]]),
                    _ => u16::from_le_bytes([pair[0], pair[1]]),
                };
                let mut units: Vec<u16> = bytes.chunks_exact(2).map(unit).collect();
                if !is_end && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
                    units.pop();
                }
                let mut buffer = [0; 4];
                for character in char::decode_utf16(units.iter().copied()) {
                    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                    text.extend(character.encode_utf8(&mut buffer).bytes());
                }
                if is_end { bytes.len() } else { 2 * units.len() }
            }
        }
    }
}

/// A character of Windows-1252. The bytes without one stand for themselves.
fn windows_1252(byte: u8) -> char {
    const FROM_0X80: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    match byte {
        0x80..0xa0 => FROM_0X80.chars().nth(usize::from(byte - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::from(byte),
    }
}

/// Converts a text to UTF-8 as it is read.
pub(super) struct Decoded<R> {
    text: R,
    encoding: Encoding,
    /// Bytes that are not converted yet.
    raw: Vec<u8>,
    /// Converted text that is not read yet, from `next` on.
    ready: Vec<u8>,
    next: usize,
}

impl<R> Decoded<R> {
    /// `raw` is what was read of the text before.
    pub fn new(text: R, encoding: Encoding, raw: Vec<u8>) -> Self {
        Self { text, encoding, raw, ready: Vec::new(), next: 0 }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.encoding == Encoding::Utf8 && self.raw.is_empty() && self.next == self.ready.len() {
            return self.text.read(buffer);
        }
        while self.next == self.ready.len() {
            let mut chunk = [0; 8192];
            let count = self.text.read(&mut chunk)?;
            self.raw.extend(&chunk[..count]);
            (self.ready, self.next) = (Vec::new(), 0);
            let converted = self.encoding.decode(&self.raw, count == 0, &mut self.ready);
            self.raw.drain(..converted);
            if count == 0 && self.ready.is_empty() {
                return Ok(0);
            }
        }
        let count = (&self.ready[self.next..]).read(buffer)?;
        self.next += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_every_encoding_and_any_pieces() {
        let text = "größe;x\n1,5 €;𝄞\n".repeat(300);
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(bytes).collect() };
        let marked = |mark: [u8; 2], bytes: Vec<u8>| [mark.to_vec(), bytes].concat();
        for (bytes, encoding, skip) in [
            (text.clone().into_bytes(), Encoding::Utf8, 0),
            (marked([0xff, 0xfe], utf16(u16::to_le_bytes)), Encoding::Utf16Le, 3),
            (marked([0xfe, 0xff], utf16(u16::to_be_bytes)), Encoding::Utf16Be, 3),
            (utf16(u16::to_le_bytes), Encoding::Utf16Le, 0),
            (utf16(u16::to_be_bytes), Encoding::Utf16Be, 0),
        ] {
            assert_eq!(Encoding::of(&bytes), encoding);
            for head in [0, 1, 2, 3, 7, 100] {
                let mut read = String::new();
                let raw = bytes[..head].to_vec();
                Decoded::new(&bytes[head..], encoding, raw).read_to_string(&mut read).expect("text");
                assert!(read[skip..] == text, "{encoding:?}");
            }
        }
        let latin = b"gr\xf6\xdfe;\x80\n";
        assert_eq!(Encoding::of(latin), Encoding::Windows1252);
        let mut read = String::new();
        Decoded::new(&latin[..], Encoding::Windows1252, vec![]).read_to_string(&mut read).expect("text");
        assert_eq!(read, "größe;€\n");
        // A character cut off at the end of the sample is no reason to doubt UTF-8.
        assert_eq!(Encoding::of("aé".as_bytes().split_last().expect("bytes").1), Encoding::Utf8);
    }
}
