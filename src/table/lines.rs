//! The lines of a text that somebody else takes apart: which one a byte is in.
//!
//! csv counts lines too, but tells of the place before line ends that it passes over: empty lines, and half of the two bytes of Windows.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// A line may be so long, in bytes: without an end to it a file that was packed could fill all memory.
const LONGEST_LINE: u64 = 1 << 28;

/// The lines of a text, as far as it was read.
#[derive(Clone, Default)]
pub struct Lines(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    /// The bytes that were read.
    length: u64,
    /// Where the last of them ended a line.
    last: u64,
    /// The places of bytes that end lines, but for those before the last place that was asked for; and which byte it is.
    ahead: VecDeque<(u64, u8)>,
    /// The line of that place, counted from 0.
    line: u64,
}

impl Lines {
    /// The line of what begins at that byte or, where lines end there, behind it; counted from 1. Places are asked for in their order.
    pub fn of(&self, mut byte: u64) -> u64 {
        let ends = &mut *self.0.borrow_mut();
        while let Some((place, kind)) = ends.ahead.front().copied().filter(|(place, _)| *place <= byte) {
            ends.ahead.pop_front();
            byte += u64::from(place == byte);
            // Of two bytes that are one end, the second counts.
            let halved = kind == b'\r' && ends.ahead.front() == Some(&(place + 1, b'\n'));
            ends.line += u64::from(!halved);
        }
        ends.line + 1
    }

    /// The line that was told last.
    pub fn line(&self) -> u64 {
        self.0.borrow().line + 1
    }
}

/// A text whose lines are counted while it is read.
pub struct Counted<R> {
    pub text: R,
    pub lines: Lines,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        let ends = &mut *self.lines.0.borrow_mut();
        for byte in &buffer[..count] {
            if matches!(byte, b'\r' | b'\n') {
                ends.ahead.push_back((ends.length, *byte));
                ends.last = ends.length;
            }
            ends.length += 1;
        }
        match ends.length - ends.last > LONGEST_LINE {
            true => Err(io::Error::other(format!("a line of more than {LONGEST_LINE} bytes"))),
            false => Ok(count),
        }
    }
}
