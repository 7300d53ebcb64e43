//! The picture, as SVG: the share of networks that solve XOR, by learning rate.

use std::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 600.0;

/// Reads the name of the picture file.
pub fn path(text: &str) -> Result<PathBuf, String> {
    match Path::new(text).extension() {
        Some(end) if end == "svg" => Ok(text.into()),
        _ => Err("expected a name that ends in .svg".into()),
    }
}

/// Checks before the training that the picture's folder exists.
pub fn check(path: &Path) -> Result<(), Box<dyn Error>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name() {
        Some(_) if folder.is_dir() => Ok(()),
        _ => Err(format!("{}: not a file name in an existing folder; choose another with --picture", path.display()).into()),
    }
}

/// Draws a curve for each kind of network; returns the picture's path.
pub fn draw(path: &Path, rates: &[f64], curves: &[(&str, Vec<Option<f64>>)]) -> Result<PathBuf, Box<dyn Error>> {
    let (mut file, path) = create_new(path)?;
    file.write_all(svg(rates, curves).as_bytes()).map_err(|error| {
        // Remove the incomplete file.
        let _ = std::fs::remove_file(&path);
        format!("{}: {error}; choose another with --picture", path.display())
    })?;
    Ok(path)
}

/// The picture: learning rates on a logarithmic axis, shares from 0 to 100 %.
fn svg(rates: &[f64], curves: &[(&str, Vec<Option<f64>>)]) -> String {
    let (left, right, top, bottom) = (90.0, WIDTH - 20.0, 60.0, HEIGHT - 70.0);
    let (first, last) = ((rates[0] / 1.3).ln(), (rates[rates.len() - 1] * 1.3).ln());
    let x = |rate: f64| left + (right - left) * (rate.ln() - first) / (last - first);
    let y = |share: f64| bottom - (bottom - top) * share;
    let mut shapes = vec![
        format!(r#"<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>"#),
        format!(r#"<text x="{left}" y="36" font-size="26">Networks that solve XOR</text>"#),
        format!(r#"<text x="{}" y="{}" text-anchor="middle">learning rate</text>"#, (left + right) / 2.0, HEIGHT - 20.0),
        format!(
            r#"<text transform="translate(24 {}) rotate(-90)" text-anchor="middle">% of the starts</text>"#,
            (top + bottom) / 2.0
        ),
        format!(r#"<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="black"/>"#),
    ];
    for share in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let at = y(share);
        shapes.push(format!(r#"<path d="M{left} {at}H{right}" stroke="lightgrey"/>"#));
        shapes.push(format!(r#"<text x="{}" y="{}" text-anchor="end">{:.0}</text>"#, left - 10.0, at + 5.0, 100.0 * share));
    }
    for rate in rates {
        let at = x(*rate);
        shapes.push(format!(r#"<path d="M{at:.1} {bottom}v6" stroke="black"/>"#));
        shapes.push(format!(r#"<text x="{at:.1}" y="{}" text-anchor="middle">{rate}</text>"#, bottom + 24.0));
    }
    for (i, ((name, shares), colour)) in curves.iter().zip(["#1f77b4", "#d66014"]).enumerate() {
        let points: Vec<_> = rates.iter().zip(shares).filter_map(|(rate, share)| Some((x(*rate), y((*share)?)))).collect();
        let line: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        shapes.push(format!(r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="3"/>"#, line.join(" ")));
        shapes.extend(points.iter().map(|(x, y)| format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="5" fill="{colour}"/>"#)));
        let at = top + 20.0 + 26.0 * i as f64;
        shapes.push(format!(r#"<path d="M{} {at}h24" stroke="{colour}" stroke-width="3"/>"#, left + 20.0));
        shapes.push(format!(r#"<text x="{}" y="{}">{name} kind</text>"#, left + 54.0, at + 5.0));
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"16\">\n{}\n</svg>\n",
        shapes.join("\n")
    )
}

/// Creates a file of that name; if it exists, with the first free number added.
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
            Err(error) => return Err(format!("{}: {error}; choose another with --picture", candidate.display()).into()),
        }
    }
}
