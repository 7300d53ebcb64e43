//! The lines of a text that somebody else takes apart: which one a byte is in.
//!
//! csv counts lines too, but tells of the place before line ends that it passes over: empty lines, and half of the two bytes of Windows.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// A line may be so long, in bytes: without an end to it a file that was packed could fill all memory.
const LONGEST_LINE: u64 = 1 << 28;

/// A row may have about so many line ends in its cells, which are remembered until the next one.
const MOST_LINES: usize = 1 << 20;

/// The lines of a text, as far as it was read.
#[derive(Clone, Default)]
pub struct Lines(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    /// The bytes that were read.
    length: u64,
    /// Those of the last line.
    of_line: u64,
    /// Bytes that end lines, beside each other, but for those before the last place that was asked for.
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
        while ends.ahead.front().is_some_and(|run| run.first <= byte) {
            ends.line += ends.ahead.pop_front().map_or(0, |run| run.lines);
        }
        ends.line + 1
    }

    /// The line that was told last.
    pub fn line(&self) -> u64 {
        self.0.borrow().line + 1
    }
}

impl Ends {
    fn see(&mut self, byte: u8) {
        let place = self.length;
        self.length += 1;
        if !matches!(byte, b'\r' | b'\n') {
            self.of_line += 1;
            return;
        }
        self.of_line = 0;
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

/// A text whose lines are counted while it is read.
pub struct Counted<R> {
    pub text: R,
    pub lines: Lines,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        let ends = &mut *self.lines.0.borrow_mut();
        buffer[..count].iter().for_each(|byte| ends.see(*byte));
        if ends.of_line > LONGEST_LINE {
            return Err(io::Error::other(format!("a line of more than {LONGEST_LINE} bytes")));
        }
        if ends.ahead.len() > MOST_LINES {
            return Err(io::Error::other(format!("a row of more than {MOST_LINES} lines")));
        }
        Ok(count)
    }
}
