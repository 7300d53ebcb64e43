//! Losses and metrics by epoch, of one or more runs.

use std::collections::BTreeMap;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::{Drawn, Picture, colour, drawable, font, number};
use crate::progress::spaced;
use crate::talk::short;

/// A run's numbers, one per epoch, under the names of the history's columns.
pub struct Run {
    pub name: String,
    pub columns: BTreeMap<String, Vec<f64>>,
    pub best_epoch: Option<usize>,
}

/// The curves of one or more runs.
pub struct Curves<'a>(pub &'a [Run]);

/// At most this many panels are drawn.
const MOST_PANELS: usize = 4;

/// A loss is drawn on a logarithmic scale if its greatest value is more than this many times its least.
const LOGARITHMIC: f64 = 20.0;

/// A curve: its label, and its values by epoch.
struct Line {
    label: String,
    values: Vec<f64>,
    style: ShapeStyle,
}

impl Run {
    pub fn of(name: &str, history: &shaderprop::History) -> Self {
        let mut columns = history.metrics.clone();
        columns.insert("loss".into(), history.loss.clone());
        if !history.validation_loss.is_empty() {
            columns.insert("validation_loss".into(), history.validation_loss.clone());
        }
        columns.extend(history.validation_metrics.iter().map(|(name, values)| (format!("validation_{name}"), values.clone())));
        Self { name: name.into(), columns, best_epoch: history.best_epoch }
    }
}

impl Picture for Curves<'_> {
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn
    where
        B::ErrorType: 'static,
    {
        let panels = self.panels();
        let grid = match panels.len() {
            1 => (1, 1),
            2 => (1, 2),
            _ => (2, 2),
        };
        for (area, name) in area.split_evenly(grid).iter().zip(&panels) {
            let lines = self.lines(name);
            let finite = || lines.iter().flat_map(|line| &line.values).copied().filter(|value| drawable(*value));
            let (least, greatest) =
                finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
            if name == "loss" && least > 0.0 && greatest / least > LOGARITHMIC {
                self.panel(area, (name, "loss (log scale)"), (least / 1.1..greatest * 1.1).log_scale(), &lines)?;
            } else {
                let (least, greatest) = if least <= greatest { (least, greatest) } else { (0.0, 1.0) };
                let room = if greatest > least { 0.05 * (greatest - least) } else { 0.5 };
                self.panel(area, (name, &spaced(name)), least - room..greatest + room, &lines)?;
            }
        }
        Ok(())
    }
}

impl Curves<'_> {
    /// The names of the panels: the loss first, then the metrics.
    fn panels(&self) -> Vec<String> {
        let mut panels = vec!["loss".to_owned()];
        for name in self.0.iter().flat_map(|run| run.columns.keys()) {
            let name = name.strip_prefix("validation_").unwrap_or(name);
            if name != "learning_rate" && name != "epoch" && !panels.iter().any(|panel| panel == name) {
                panels.push(name.into());
            }
        }
        panels.truncate(MOST_PANELS);
        panels
    }

    /// The lines of a panel. One run has a colour for training and one for validation; each of several runs has one
    /// colour, with validation thicker.
    fn lines(&self, name: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        for (i, run) in self.0.iter().enumerate() {
            let alone = self.0.len() == 1;
            let validation = format!("validation_{name}");
            let both = run.columns.contains_key(&validation);
            for (j, (column, kind)) in [(name, "training"), (validation.as_str(), "validation")].into_iter().enumerate() {
                let Some(values) = run.columns.get(column) else { continue };
                let label = match (alone, both && j == 0) {
                    (true, _) => kind.into(),
                    // The validation line carries the run's name.
                    (false, true) => String::new(),
                    (false, false) => short(&run.name, 24),
                };
                let style = match alone {
                    true => colour(j).stroke_width(2),
                    false if both && j == 0 => colour(i).mix(0.45).stroke_width(1),
                    false => colour(i).stroke_width(2),
                };
                lines.push(Line { label, values: values.clone(), style });
            }
        }
        lines
    }

    fn panel<B: DrawingBackend, Y: AsRangedCoord<Value = f64>>(
        &self,
        area: &DrawingArea<B, Shift>,
        (name, title): (&str, &str),
        y: Y,
        lines: &[Line],
    ) -> Drawn
    where
        B::ErrorType: 'static,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let epochs = lines.iter().map(|line| line.values.len()).max().unwrap_or(0).max(2);
        let mut chart = ChartBuilder::on(area)
            .margin_right(16)
            .margin_top(10)
            .x_label_area_size(40)
            .y_label_area_size(62)
            .build_cartesian_2d(1..epochs, y)?;
        chart
            .configure_mesh()
            .x_desc("epoch")
            .y_desc(title)
            .axis_desc_style(font(15))
            .label_style(font(13))
            .x_labels(6)
            .y_labels(8)
            .y_label_formatter(&|value| number(*value))
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .draw()?;
        for line in lines {
            // A line is interrupted where a value is not a number.
            let points: Vec<(usize, f64)> = line.values.iter().enumerate().map(|(i, value)| (i + 1, *value)).collect();
            for (k, run) in points.split(|(_, value)| !drawable(*value)).filter(|run| !run.is_empty()).enumerate() {
                let series = chart.draw_series(LineSeries::new(run.iter().copied(), line.style))?;
                if k == 0 && !line.label.is_empty() {
                    let style = line.style;
                    series.label(line.label.as_str()).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
                }
            }
        }
        // This series draws only its legend entry.
        if self.0.len() > 1 && lines.iter().any(|line| line.label.is_empty()) {
            let style = BLACK.mix(0.45).stroke_width(1);
            let nothing = chart.draw_series(LineSeries::new(std::iter::empty::<(usize, f64)>(), style))?;
            nothing.label("thin line: training").legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        if let [Run { best_epoch: Some(best), .. }] = self.0 {
            let range = chart.y_range();
            let style = BLACK.mix(0.5).stroke_width(1);
            let series = chart.draw_series(DashedLineSeries::new([(*best, range.start), (*best, range.end)], 4, 4, style))?;
            series.label(format!("best epoch: {best}")).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        // Errors fall and other metrics rise, so that is where the legend has space.
        let errors = name == "loss" || name.contains("error");
        chart
            .configure_series_labels()
            .position(if errors { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerRight })
            .label_font(font(13))
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.25))
            .draw()?;
        Ok(())
    }
}
