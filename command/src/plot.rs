//! `plot`: pictures of histories, and of the predictions of a model with two inputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use shaderprop::{Csv, Model, Predictions, Table};

use crate::data;
use crate::evaluate::{fitted, load};
use crate::options::{self, Format, OnDevice, Place};
use crate::picture::{self, boundary::Boundary, boundary::Row, boundary::Said, curves::Curves, curves::Run};
use crate::talk::{Failure, Talk};

/// Draws the losses and metrics of one or more histories, or the predictions of a model with two inputs over the plane
///
/// Examples:
///   shaderprop train examples/iris/iris.csv --history iris.csv
///   shaderprop plot iris.csv --out iris.png
///   shaderprop train examples/iris/iris.csv --drop sepal_length,sepal_width --out petals.npz
///   shaderprop plot petals.npz examples/iris/iris.csv --out petals.png
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// Histories (.csv or .json) written by `train --history`; or a model with two inputs, and optionally rows to draw with it
    #[arg(required = true, value_name = "HISTORY")]
    files: Vec<PathBuf>,
    /// The picture to write: .png or .svg
    #[arg(short, long, value_name = "FILE", value_parser = picture::file)]
    out: PathBuf,
    /// The picture's size in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = picture::size, default_value = "800x500")]
    size: (u32, u32),
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    device: OnDevice,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
    /// Print only errors to stderr
    #[arg(short, long)]
    quiet: bool,
}

/// The number of points across and up at which the model predicts.
const GRID: (usize, usize) = (200, 120);

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    options::check_places([Place::of("--out", Some(&options.out))], options.force)?;
    let is_model = |path: &Path| path.extension().is_some_and(|end| end == "safetensors" || end == "npz");
    match options.files.as_slice() {
        [model] if is_model(model) => boundary(options, model, None, talk)?,
        [model, rows] if is_model(model) => boundary(options, model, Some(rows), talk)?,
        histories => {
            let runs = histories.iter().map(|path| history(path)).collect::<Result<Vec<_>, _>>()?;
            picture::save(&options.out, options.force, options.size, &Curves(&runs))?;
        }
    }
    talk.say(format!("picture: {}", options.out.display()));
    Ok(())
}

/// Reads a history.
fn history(path: &Path) -> Result<Run, Failure> {
    let refuse = |got: String| {
        let path = path.display();
        Failure::Run(format!(
            "{path}: not a history: {got}; give a file that `train --history` wrote, or a model (.safetensors, .npz)"
        ))
    };
    let columns: BTreeMap<String, Vec<f64>> = if path.extension().is_some_and(|end| end == "json") {
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        let read: BTreeMap<String, Vec<Option<f64>>> = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        read.into_iter()
            .map(|(name, values)| (name, values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()))
            .collect()
    } else {
        let table = Table::read_csv(path, &Csv::new())?;
        let mut columns = BTreeMap::new();
        for (column, name) in table.names().iter().enumerate() {
            let number = |row: usize| table.cell(row, column).parse::<f64>();
            let values = (0..table.rows()).map(number).collect::<Result<Vec<_>, _>>();
            columns.insert(name.clone(), values.map_err(|_| refuse(format!("its column `{name}` has text")))?);
        }
        columns
    };
    if !columns.contains_key("loss") || !columns.contains_key("epoch") {
        return Err(refuse("it does not have the columns `epoch` and `loss`".into()));
    }
    Ok(Run { name: path.file_stem().unwrap_or_default().to_string_lossy().into(), columns, best_epoch: None })
}

/// Draws a model's predictions over the plane of its two inputs.
fn boundary(options: &Options, path: &Path, rows: Option<&PathBuf>, talk: Talk) -> Result<(), Failure> {
    let (model, _) = load(&path.to_owned(), &options.device, GRID.0 * GRID.1)?;
    let columns = fitted(&model, path)?.numbers();
    let (&[(x, x_middle, x_scale), (y, y_middle, y_scale)], 2) = (&columns[..], model.network().inputs()) else {
        return Err(Failure::Run(format!(
            "{}: only a model of two numeric columns can be drawn, and this one has {} inputs; draw its history instead",
            path.display(),
            model.network().inputs()
        )));
    };
    let table =
        rows.map(|rows| data::read(std::slice::from_ref(rows), &options.format, talk)).transpose()?.map(|data| data.table);
    // The range of the rows, with a margin. Without rows, the range of most training rows.
    let range = |name: &str, middle: f64, scale: f64| -> Result<(f64, f64), Failure> {
        let Some(table) = &table else { return Ok((middle - 2.5 * scale, middle + 2.5 * scale)) };
        let column = table.find(name)?;
        let values =
            (0..table.rows()).filter_map(|row| table.cell(row, column).parse::<f64>().ok()).filter(|value| value.is_finite());
        let (least, greatest) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
        Ok(if least < greatest {
            (least - 0.08 * (greatest - least), greatest + 0.08 * (greatest - least))
        } else {
            (middle - scale, middle + scale)
        })
    };
    let ranges = [range(x, x_middle, x_scale)?, range(y, y_middle, y_scale)?];
    let centre = |(from, to): (f64, f64), i: usize, count: usize| from + (to - from) * (i as f64 + 0.5) / count as f64;
    let mut text = csv::Writer::from_writer(Vec::new());
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Run(format!("the points of the picture could not be predicted: {error}; please report this"))
    };
    text.write_record([x, y]).map_err(|error| failed(&error))?;
    for up in 0..GRID.1 {
        for across in 0..GRID.0 {
            let point = [centre(ranges[0], across, GRID.0), centre(ranges[1], up, GRID.1)];
            text.write_record(point.map(|value| value.to_string())).map_err(|error| failed(&error))?;
        }
    }
    let points = Table::from_csv(text.into_inner().map_err(|error| failed(&error))?.as_slice(), &Csv::new())?;
    let (said, legend, scale) = match model.predict_table(&points)? {
        Predictions::Classes { probabilities, .. } => {
            let sure =
                |row: &[f32]| row.iter().enumerate().fold((0, 0.0), |best, (i, p)| if *p > best.1 { (i, *p) } else { best });
            let said = (0..points.rows())
                .map(|row| sure(probabilities.row(row)))
                .map(|(class, p)| Said::Class(class, p.into()))
                .collect();
            (said, fitted(&model, path)?.classes().unwrap_or_default().to_vec(), (0.0, 1.0))
        }
        Predictions::Numbers(numbers) => {
            let (least, greatest) =
                numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(*value), b.max(*value)));
            let scale = (least, (greatest - least).max(f64::MIN_POSITIVE));
            let said: Vec<Said> = numbers.iter().map(|number| Said::Number((number - scale.0) / scale.1)).collect();
            (said, vec![picture::number(least), picture::number(greatest)], scale)
        }
        _ => return Err(failed(&"unknown kind of prediction")),
    };
    let drawn = match &table {
        Some(table) => drawn_rows(&model, table, [x, y], scale)?,
        None => Vec::new(),
    };
    let picture = Boundary { names: [x, y], ranges, grid: GRID, said: &said, rows: &drawn, legend: &legend };
    picture::save(&options.out, options.force, options.size, &picture)
}

/// The rows of a table that are drawn: those with a known target and finite inputs.
fn drawn_rows(model: &Model, table: &Table, names: [&str; 2], scale: (f64, f64)) -> Result<Vec<Row>, Failure> {
    let Some(preprocessing) = model.preprocessing() else { return Ok(Vec::new()) };
    let (x, y) = (table.find(names[0])?, table.find(names[1])?);
    let Ok(target) = table.find(preprocessing.target()) else { return Ok(Vec::new()) };
    let row = |row: usize| {
        let number = |column: usize| table.cell(row, column).parse::<f64>().ok().filter(|value| value.is_finite());
        let said = match preprocessing.classes() {
            Some(classes) => Said::Class(classes.iter().position(|class| *class == table.cell(row, target))?, 1.0),
            None => Said::Number((number(target)? - scale.0) / scale.1),
        };
        Some(((number(x)?, number(y)?), said))
    };
    Ok((0..table.rows()).filter_map(row).collect())
}
