//! What other programs add to a CSV file: lines above the header, row names, an empty last column, a line of units.

use super::guess::{Below, number};

/// What a file has besides its header and its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// The number of lines above the header or the first row.
    pub above: usize,
    /// Whether lines that begin with `#` are comments.
    pub comments: bool,
    /// Whether the header begins with `#`.
    pub marked_header: bool,
    /// Whether each row begins with its name, for which the header has no cell.
    pub row_names: bool,
    /// Whether the last column is empty, from that index on.
    pub empty_from: Option<usize>,
    /// Whether the units follow the header.
    pub units: bool,
}

/// The most lines that are taken for a title.
const MOST_ABOVE: usize = 10;

impl Shape {
    /// The lines above the table: comments, and lines with fewer cells than nearly all others. `lines` are the first
    /// lines with the number of cells that the delimiter makes of each. Titles are only looked for if asked to.
    pub fn above(lines: &[(Vec<u8>, usize)], titles: bool) -> Self {
        let mut shape = Self::default();
        let is_comment = |line: &[u8]| line.trim_ascii_start().starts_with(b"#");
        let rows = || lines.iter().filter(|(line, _)| !is_comment(line));
        let mut counts: Vec<usize> = rows().map(|(_, cells)| *cells).collect();
        counts.sort_unstable();
        let usual = counts.chunk_by(|a, b| a == b).max_by_key(|run| (run.len(), run[0])).map_or(1, |run| run[0]);
        let is_like_rows = |cells: usize| cells == usual || cells + 1 == usual || cells == usual + 1;
        let mut at = 0;
        while let Some((line, cells)) = lines.get(at) {
            let more = lines.get(at + 1).is_some_and(|(line, _)| is_comment(line));
            if is_comment(line) && (*cells != usual || usual == 1 || more) {
                shape.comments = true;
            } else if !titles || (*cells >= usual || is_like_rows(*cells)) && (usual, *cells) != (2, 1) {
                break;
            }
            at += 1;
        }
        // Where much is uneven, nothing is known.
        let below = || lines.iter().skip(at).filter(|(line, _)| !is_comment(line));
        let even = below().filter(|(_, cells)| is_like_rows(*cells)).count();
        if at > MOST_ABOVE || at >= lines.len() || 10 * even < 9 * below().count() {
            return Self::default();
        }
        shape.above = at;
        shape.marked_header = is_comment(&lines[at].0);
        shape
    }

    /// Row names and an empty last column, by the header and the rows below it.
    pub fn look(&mut self, records: &[csv::StringRecord], header: bool) {
        let Some((first, below)) = records.split_first() else { return };
        if below.is_empty() {
            return;
        }
        let width = first.len();
        let is_longer = |record: &csv::StringRecord| record.len() == width + 1;
        let ends_empty = |record: &csv::StringRecord| record.iter().next_back().is_some_and(str::is_empty);
        let longer = below.iter().filter(|record| is_longer(record)).count();
        if header && longer > 0 && below.iter().all(|record| record.len() == width || (is_longer(record) && ends_empty(record))) {
            self.empty_from = Some(width);
        } else if header && longer == below.len() && width > 1 && !below.iter().any(|record| record.iter().any(is_half_quoted)) {
            self.row_names = true;
        } else if header
            && width > 2
            && ends_empty(first)
            && below.iter().all(|record| record.len() == width && ends_empty(record))
        {
            // Some programs also have no delimiter at the end of the last line.
            self.empty_from = Some(width - 1);
        }
    }

    /// Whether the units follow the header: words above numbers in each numeric column, or nothing.
    pub fn look_for_units(&mut self, records: &[csv::StringRecord]) {
        let [_, units, below @ ..] = records else { return };
        let below: Vec<_> = below.iter().filter(|record| record.len() == units.len()).collect();
        if below.len() < 2 {
            return;
        }
        let (mut any, mut all) = (false, true);
        for (column, unit) in units.iter().enumerate() {
            let below = Below::of(&below, column);
            if below.is_numeric() {
                all &= number(unit).is_none();
                any |= !unit.is_empty()
                    && !super::missing::is_missing(unit, &super::missing::usual())
                    && !super::reading::is_dash(unit);
            } else {
                all &= unit.is_empty() || unit.starts_with(['(', '[']);
            }
        }
        self.units = any && all;
    }
}

/// Whether a cell has a quote at one end only: the delimiter in it was no delimiter.
fn is_half_quoted(cell: &str) -> bool {
    cell.len() > 1 && cell.starts_with('"') != cell.ends_with('"')
}
