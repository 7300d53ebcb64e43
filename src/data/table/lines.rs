//! The lines of a text that somebody else takes apart: which one a byte is in.
//!
//! csv counts lines too, but tells of the place before line ends that it passes over: empty lines, and half of the two bytes of Windows.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// A row may be about so long, in bytes, and what lies between two: a file that was packed could fill all memory without an end to them.
const LONGEST_ROW: u64 = 1 << 25;

/// A row may have about so many line ends apart from each other, which are remembered until the next one.
const MOST_LINES: usize = 1 << 20;

/// The lines of a text, as far as it was read.
#[derive(Clone, Default)]
pub struct Lines(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    /// The bytes that were read.
    length: u64,
    /// The bytes of the text, once it has been read to its end.
    whole: Option<u64>,
    /// The last place that was asked for.
    asked: u64,
    /// Bytes that end lines, beside each other, but for those before that place.
    ahead: VecDeque<Run>,
    /// The line of that place, counted from 0.
    line: u64,
}

struct Run {
    first: u64,
    last: u64,
    lines: u64,
    /// Whether its last byte is the first of Windows' two.
    halved: bool,
}

impl Lines {
    /// The line of what begins at that byte or, where lines end there, behind them; counted from 1. Places are asked for in their order.
    pub fn of(&self, byte: u64) -> u64 {
        let ends = &mut *self.0.borrow_mut();
        ends.asked = byte;
        while ends.ahead.front().is_some_and(|run| run.first <= byte) {
            ends.line += ends.ahead.pop_front().map_or(0, |run| run.lines);
        }
        ends.line + 1
    }

    /// The line that was told last.
    pub fn line(&self) -> u64 {
        self.0.borrow().line + 1
    }

    /// Whether that byte is behind the text, and the end of a line that is read behind it.
    pub fn is_behind(&self, byte: u64) -> bool {
        self.0.borrow().whole.is_some_and(|whole| byte > whole + 1)
    }

    /// Whether none ends behind the last place that was asked for.
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

/// A text whose lines are counted while it is read, and what is read behind it, which begins with the end of a line.
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
