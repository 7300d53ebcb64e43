//! Drawing and saving pictures of any kind.

pub mod boundary;
pub mod confusion;
pub mod curves;
pub mod scatter;

use std::error::Error;
use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, TextStyle, register_font};

use crate::options;
use crate::talk::Failure;

/// The default size in pixels.
pub const SIZE: (u32, u32) = (800, 500);

/// Colours that colour-blind people can tell apart: M. Okabe and K. Ito, 2008.
pub const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 100, 60),
];

pub fn colour(i: usize) -> RGBColor {
    COLOURS[i % COLOURS.len()]
}

pub type Drawn = Result<(), Box<dyn Error>>;

/// Something that can be drawn as pixels or as SVG.
pub trait Picture {
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn
    where
        B::ErrorType: 'static;
}

/// Reads the name of a picture file.
pub fn file(text: &str) -> Result<PathBuf, String> {
    match Path::new(text).extension().and_then(|end| end.to_str()).map(str::to_lowercase).as_deref() {
        Some("png" | "svg") => Ok(text.into()),
        _ => Err("expected a name that ends in .png or .svg".into()),
    }
}

/// Reads a size in pixels, such as 800x500.
pub fn size(text: &str) -> Result<(u32, u32), String> {
    let sizes: Vec<u32> = text.split('x').filter_map(|size| size.parse().ok()).collect();
    match sizes[..] {
        [width, height] if (300..=10_000).contains(&width) && (200..=10_000).contains(&height) => Ok((width, height)),
        _ => Err("expected a size from 300x200 to 10000x10000 pixels, such as 800x500".into()),
    }
}

/// Draws a picture to a file, PNG or SVG by its extension; writes it completely or not at all.
pub fn save(path: &Path, force: bool, (width, height): (u32, u32), picture: &impl Picture) -> Result<(), Failure> {
    let failed = |error: Box<dyn Error>| Failure::Run(format!("{}: drawing failed: {error}; please report this", path.display()));
    // This fails only if the bytes are not a font.
    let _ = register_font("sans-serif", FontStyle::Normal, include_bytes!("../../font/DejaVuSans-subset.ttf"));
    let content = if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("svg")) {
        let mut text = String::new();
        draw(SVGBackend::with_string(&mut text, (width, height)), picture).map_err(failed)?;
        text.into_bytes()
    } else {
        let mut pixels = vec![0; width as usize * height as usize * 3];
        draw(BitMapBackend::with_buffer(&mut pixels, (width, height)), picture).map_err(failed)?;
        png((width, height), &pixels).map_err(|error| failed(error.into()))?
    };
    options::write(path, force, &content)
}

fn draw<B: DrawingBackend>(backend: B, picture: &impl Picture) -> Drawn
where
    B::ErrorType: 'static,
{
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    picture.draw(&area.margin(8, 8, 8, 8))?;
    area.present()?;
    Ok(())
}

fn png((width, height): (u32, u32), pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut content = Vec::new();
    let mut encoder = png::Encoder::new(&mut content, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(content)
}

/// Text, with its height in pixels.
pub fn font(height: u32) -> TextStyle<'static> {
    ("sans-serif", height).into_font().color(&BLACK)
}

/// A number on an axis.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match () {
        () if value == 0.0 => "0".into(),
        () if !(1e-3..1e6).contains(&size) => format!("{value:.0e}"),
        () => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').into()
        }
    }
}

/// Whether a number can be drawn: an axis with a margin around it stays finite.
pub fn drawable(value: f64) -> bool {
    value.abs() <= 1e300
}
