//! Finds the line of a byte in a text that another parser takes apart.
//!
//! The csv crate counts lines too, but its position is before the line ends that it skips: empty lines, and half of a
//! Windows line end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// The approximate maximum length of a row, in bytes, and of the gap between two rows. Without a limit, a compressed
/// file could fill all memory.
const LONGEST_ROW: u64 = 1 << 25;

/// The approximate maximum number of separate line ends within a row. They are remembered until the next row.
const MOST_LINES: usize = 1 << 20;

/// Counts the lines of a text as it is read.
#[derive(Clone, Default)]
pub struct Lines(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    /// The number of bytes read.
    length: u64,
    /// The length of the text in bytes, once it has been read to the end.
    whole: Option<u64>,
    /// The last position that was looked up.
    asked: u64,
    /// Runs of adjacent bytes that end lines, from that position on.
    ahead: VecDeque<Run>,
    /// The line of that position, counted from 0.
    line: u64,
}

struct Run {
    first: u64,
    last: u64,
    lines: u64,
    /// Whether the last byte read is the first half of a Windows line end.
    halved: bool,
}

impl Lines {
    /// Counts from the line after those, which were read before.
    pub fn after(lines: u64) -> Self {
        let counted = Self::default();
        counted.0.borrow_mut().line = lines;
        counted
    }

    /// The line of what begins at that byte, counted from 1. If there are line ends at the byte, it is the line after
    /// them. Positions are looked up in ascending order.
    pub fn of(&self, byte: u64) -> u64 {
        let ends = &mut *self.0.borrow_mut();
        ends.asked = byte;
        while ends.ahead.front().is_some_and(|run| run.first <= byte) {
            ends.line += ends.ahead.pop_front().map_or(0, |run| run.lines);
        }
        ends.line + 1
    }

    /// The line returned last.
    pub fn line(&self) -> u64 {
        self.0.borrow().line + 1
    }

    /// Whether that byte belongs to the text appended after the end, and ends a line.
    pub fn is_behind(&self, byte: u64) -> bool {
        self.0.borrow().whole.is_some_and(|whole| byte > whole + 1)
    }

    /// Whether no line ends after the last position that was looked up.
    pub fn are_over(&self) -> bool {
        self.0.borrow().ahead.is_empty()
    }
}

impl Ends {
    fn see(&mut self, byte: u8) {
        let place = self.length;
        self.length += 1;
        if !matches!(byte, b'\r' | b'\n') {
            return;
        }
        let halved = byte == b'\r';
        match self.ahead.back_mut() {
            Some(run) if run.last + 1 == place => {
                run.lines += u64::from(halved || !run.halved);
                (run.last, run.halved) = (place, halved);
            }
            _ => self.ahead.push_back(Run { first: place, last: place, lines: 1, halved }),
        }
    }
}

/// Reads a text and then an appended text that begins with a line end, and counts the lines of the first.
pub struct Counted<R> {
    text: R,
    end: &'static [u8],
    lines: Lines,
}

impl<R> Counted<R> {
    pub fn new(text: R, end: &'static str, lines: Lines) -> Self {
        Self { text, end: end.as_bytes(), lines }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ends = &mut *self.lines.0.borrow_mut();
        let mut count = 0;
        if ends.whole.is_none() {
            count = self.text.read(buffer)?;
            if count == 0 && !buffer.is_empty() {
                ends.whole = Some(ends.length);
            }
        }
        if ends.whole.is_some() {
            count = self.end.read(buffer)?;
        }
        buffer[..count].iter().for_each(|byte| ends.see(*byte));
        if ends.length - ends.asked > LONGEST_ROW {
            return Err(io::Error::other(format!("a row of more than {LONGEST_ROW} bytes")));
        }
        if ends.ahead.len() > MOST_LINES {
            return Err(io::Error::other(format!("a row of more than {MOST_LINES} lines")));
        }
        Ok(count)
    }
}
