//! The picture: the share of networks that solve XOR against the learning rate.

use std::error::Error;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

const SIZE: (u32, u32) = (960, 600);

/// Refuses, before anything is trained, a place where no file can be.
pub fn check(path: &Path) -> Result<(), Box<dyn Error>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name() {
        Some(_) if folder.is_dir() => Ok(()),
        _ => {
            Err(format!("{}: expected the name of a file in a folder that is there; choose another by --picture", path.display())
                .into())
        }
    }
}

/// Draws a curve for each kind of network; gives where the picture is.
pub fn draw(path: &Path, rates: &[f64], curves: &[(&str, Vec<Option<f64>>)]) -> Result<PathBuf, Box<dyn Error>> {
    // Fails only if it is no font.
    let _ = register_font("sans-serif", FontStyle::Normal, include_bytes!("../../assets/font/DejaVuSans-subset.ttf"));
    let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (first, last) = (rates[0] / 1.3, rates[rates.len() - 1] * 1.3);
        let mut chart = ChartBuilder::on(&root)
            .caption("Networks that solve XOR", ("sans-serif", 26))
            .margin(20)
            .x_label_area_size(50)
            .y_label_area_size(70)
            .build_cartesian_2d((first..last).log_scale(), 0.0..100.0)?;
        chart
            .configure_mesh()
            .x_desc("learning rate")
            .y_desc("% of the starts")
            .x_label_formatter(&|rate| format!("{rate}"))
            .y_label_formatter(&|share| format!("{share}"))
            .label_style(("sans-serif", 16))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for ((name, shares), color) in curves.iter().zip([RGBColor(31, 119, 180), RGBColor(214, 96, 20)]) {
            let points: Vec<_> = rates.iter().zip(shares).filter_map(|(rate, share)| Some((*rate, 100.0 * (*share)?))).collect();
            chart
                .draw_series(LineSeries::new(points.clone(), color.stroke_width(3)))?
                .label(format!("{name} kind"))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(3)));
            chart.draw_series(points.into_iter().map(|point| Circle::new(point, 5, color.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(("sans-serif", 18))
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        root.present()?;
    }
    write(path, &pixels)
}

/// Writes the pixels as a PNG file that is not there yet.
fn write(path: &Path, pixels: &[u8]) -> Result<PathBuf, Box<dyn Error>> {
    let (file, path) = create_new(path)?;
    let written = || -> Result<(), Box<dyn Error>> {
        let mut encoder = png::Encoder::new(file, SIZE.0, SIZE.1);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(pixels)?;
        Ok(writer.finish()?)
    };
    written().map_err(|error| {
        // Nothing half-written stays.
        let _ = std::fs::remove_file(&path);
        format!("{}: {error}; choose another place by --picture", path.display())
    })?;
    Ok(path)
}

/// A new file of that name, or with the first number after it that is free.
fn create_new(path: &Path) -> Result<(File, PathBuf), Box<dyn Error>> {
    let mut candidate = path.to_owned();
    let mut number = 2;
    loop {
        match File::create_new(&candidate) {
            Ok(file) => return Ok((file, candidate)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                candidate = path.with_file_name(format!("{name}-{number}"));
                if let Some(extension) = path.extension() {
                    candidate.as_mut_os_string().push(".");
                    candidate.as_mut_os_string().push(extension);
                }
                number += 1;
            }
            Err(error) => return Err(format!("{}: {error}; choose another place by --picture", candidate.display()).into()),
        }
    }
}
