//! Times reading a table of numbers, and fitting and applying its preprocessing.
//!
//!     cargo bench --bench table [FILE]
//!
//! Without a file, it writes a table of a million rows and twenty columns to target/table.csv first, which
//! benches/peers/table.py reads with pandas and polars.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use shaderprop::{Columns, Csv, Preprocessing, Table};

const ROWS: usize = 1_000_000;
const COLUMNS: usize = 20;
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args().skip(1).find(|word| !word.starts_with("--")).map(PathBuf::from);
    let path = match given {
        Some(path) => path,
        None => written()?,
    };
    for _ in 0..RUNS {
        let begun = Instant::now();
        let table = Table::read_csv(&path, &Csv::guess())?;
        let read = begun.elapsed();
        let begun = Instant::now();
        let fitted = Preprocessing::fit(&table, &Columns::number(table.names().len() - 1))?;
        let fit = begun.elapsed();
        let begun = Instant::now();
        let data = fitted.transform(&table)?;
        let transform = begun.elapsed();
        let seconds = [read, fit, transform].map(|time| time.as_secs_f64());
        println!("{} rows: read {:.2} s, fit {:.2} s, transform {:.2} s", data.inputs.rows(), seconds[0], seconds[1], seconds[2]);
    }
    Ok(())
}

/// Writes the table, unless it is there.
fn written() -> Result<PathBuf, std::io::Error> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/table.csv"));
    if path.exists() {
        return Ok(path);
    }
    let mut file = BufWriter::new(std::fs::File::create(&path)?);
    let names: Vec<String> = (0..COLUMNS).map(|column| format!("c{column}")).collect();
    writeln!(file, "{}", names.join(","))?;
    let mut state = 1u64;
    for _ in 0..ROWS {
        for column in 0..COLUMNS {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (state >> 33) as f64 / (1u64 << 30) as f64 - 1.0;
            write!(file, "{}{number:.4}", if column > 0 { "," } else { "" })?;
        }
        writeln!(file)?;
    }
    file.flush()?;
    Ok(path)
}
