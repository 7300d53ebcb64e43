//! The predictions of a model with two inputs over the plane, and the rows.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Drawn, Picture, colour, font, number};
use crate::talk::short;

/// A prediction or a target: a class and its probability; or a number, scaled from 0 for the least to 1 for the greatest.
#[derive(Clone, Copy)]
pub enum Said {
    Class(usize, f64),
    Number(f64),
}

/// A row's position and its target.
pub type Row = ((f64, f64), Said);

pub struct Boundary<'a> {
    /// The names of both inputs.
    pub names: [&'a str; 2],
    pub ranges: [(f64, f64); 2],
    /// The number of points across and up.
    pub grid: (usize, usize),
    /// The predictions at these points, row by row from the bottom.
    pub said: &'a [Said],
    pub rows: &'a [Row],
    /// The names of the classes; or the least and the greatest number.
    pub legend: &'a [String],
}

/// The legend lists at most this many names.
const MOST_NAMES: usize = 12;

impl Picture for Boundary<'_> {
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn
    where
        B::ErrorType: 'static,
    {
        let [x, y] = self.ranges;
        let mut chart = ChartBuilder::on(area)
            .margin_right(16)
            .margin_top(10)
            .x_label_area_size(42)
            .y_label_area_size(66)
            .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
        let (across, up) = self.grid;
        let step = ((x.1 - x.0) / across as f64, (y.1 - y.0) / up as f64);
        chart.draw_series(self.said.iter().enumerate().map(|(place, said)| {
            let corner = (x.0 + (place % across) as f64 * step.0, y.0 + (place / across) as f64 * step.1);
            Rectangle::new([corner, (corner.0 + step.0, corner.1 + step.1)], background(*said).filled())
        }))?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_desc(short(self.names[0], 40))
            .y_desc(short(self.names[1], 40))
            .axis_desc_style(font(15))
            .label_style(font(13))
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .draw()?;
        chart.draw_series(self.rows.iter().map(|(point, said)| Circle::new(*point, 3, ink(*said).filled())))?;
        chart.draw_series(self.rows.iter().map(|(point, _)| Circle::new(*point, 3, WHITE.mix(0.7).stroke_width(1))))?;
        let numbers = self.said.iter().any(|said| matches!(said, Said::Number(_)));
        for (i, name) in self.legend.iter().take(MOST_NAMES).enumerate() {
            let said = if numbers { Said::Number(i as f64) } else { Said::Class(i, 1.0) };
            let style = ink(said).filled();
            // This series draws only its legend entry.
            chart
                .draw_series(std::iter::empty::<Circle<(f64, f64), i32>>())?
                .label(short(name, 24))
                .legend(move |(x, y)| Rectangle::new([(x + 2, y - 5), (x + 14, y + 5)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .label_font(font(13))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.25))
            .draw()?;
        Ok(())
    }
}

/// The colour of a row.
fn ink(said: Said) -> RGBColor {
    match said {
        Said::Class(class, _) => colour(class),
        Said::Number(share) => mixed(RGBColor(0, 60, 140), RGBColor(250, 160, 20), share),
    }
}

/// The colour of a prediction, stronger for higher probabilities.
fn background(said: Said) -> RGBColor {
    match said {
        Said::Class(_, sure) => mixed(WHITE, ink(said), 0.1 + 0.45 * sure),
        Said::Number(_) => mixed(WHITE, ink(said), 0.6),
    }
}

fn mixed(from: RGBColor, to: RGBColor, share: f64) -> RGBColor {
    let mix = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * share.clamp(0.0, 1.0)) as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}
