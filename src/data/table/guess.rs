//! Infers from the first line of a CSV file its delimiter and whether it is a header.

use std::io::{self, Read};

use super::records::records;

/// How many bytes are searched for the first line.
const FIRST_LINE: usize = 1 << 20;

/// The beginning of a text without its byte order mark. If the format is inferred, it extends to the end of the first
/// line that is not empty.
pub fn head(text: &mut impl Read, known: bool, delimiter: Option<u8>) -> io::Result<Vec<u8>> {
    let (mut head, mut chunk) = (Vec::new(), [0; 8192]);
    let (mut quoted, mut begun, mut before) = (false, false, b'\n');
    'reading: while head.len() < if known { 3 } else { FIRST_LINE } {
        let count = text.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        head.extend(&chunk[..count]);
        for byte in &chunk[..count] {
            // Names may contain line ends. A quote inside an unquoted cell is an ordinary character; two quotes inside
            // quotes are one.
            if *byte == b'"' {
                quoted = !quoted && (b"\n\r ,;\t|\"".contains(&before) || delimiter == Some(before));
            }
            begun |= !byte.is_ascii_whitespace();
            if *byte == b'\n' && begun && !quoted {
                break 'reading;
            }
            before = *byte;
        }
    }
    while head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    Ok(head)
}

/// The cells of the first line that is not blank.
fn first_record(head: &[u8], delimiter: u8) -> csv::StringRecord {
    let records = records(head, delimiter).into_byte_records().map_while(Result::ok);
    let mut records = records.map(csv::StringRecord::from_byte_record_lossy);
    records.find(|record| record.iter().any(|cell| !cell.is_empty())).unwrap_or_default()
}

/// The delimiter that the first line suggests.
pub fn delimiter(head: &[u8]) -> u8 {
    let count = |delimiter: u8| first_record(head, delimiter).len().saturating_sub(1);
    // If every cell contains a comma, it is a decimal comma.
    let better = |best: u8, other: u8| {
        let room = usize::from(best == b',');
        count(other) > 0 && count(other) + room >= count(best)
    };
    [b';', b'\t', b'|'].into_iter().fold(b',', |best, other| if better(best, other) { other } else { best })
}

/// Whether the first line is a header: none of its cells is a number.
pub fn header(head: &[u8], delimiter: u8) -> bool {
    !first_record(head, delimiter).iter().any(is_finite_number)
}

fn is_finite_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok_and(f64::is_finite)
}
