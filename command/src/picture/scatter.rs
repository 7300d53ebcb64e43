//! Predicted values against actual values.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Drawn, Picture, colour, drawable, font, number};
use crate::talk::short;

pub struct Scatter<'a> {
    pub target: &'a str,
    /// The actual and the predicted value of each row.
    pub points: &'a [(f64, f64)],
}

impl Picture for Scatter<'_> {
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn
    where
        B::ErrorType: 'static,
    {
        let values = self.points.iter().flat_map(|(is, predicted)| [*is, *predicted]).filter(|value| drawable(*value));
        let (least, greatest) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
        let (least, greatest) = if least <= greatest { (least, greatest) } else { (0.0, 1.0) };
        let room = if greatest > least { 0.04 * (greatest - least) } else { 0.5 };
        let range = least - room..greatest + room;
        let mut chart = ChartBuilder::on(area)
            .margin_right(16)
            .margin_top(10)
            .x_label_area_size(42)
            .y_label_area_size(70)
            .build_cartesian_2d(range.clone(), range)?;
        let name = short(self.target, 40);
        chart
            .configure_mesh()
            .x_desc(format!("{name}, actual"))
            .y_desc(format!("{name}, predicted"))
            .axis_desc_style(font(15))
            .label_style(font(13))
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .draw()?;
        let style = BLACK.mix(0.6).stroke_width(1);
        chart
            .draw_series(LineSeries::new([(least, least), (greatest, greatest)], style))?
            .label("predicted = actual")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        let dot = colour(0).mix(0.6).filled();
        chart
            .draw_series(
                self.points.iter().filter(|(a, b)| drawable(*a) && drawable(*b)).map(|point| Circle::new(*point, 3, dot)),
            )?
            .label("one row")
            .legend(move |(x, y)| Circle::new((x + 9, y), 3, dot));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(font(13))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.25))
            .draw()?;
        Ok(())
    }
}
