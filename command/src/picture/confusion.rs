//! A confusion matrix: a row for each actual class, a column for each predicted one.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Drawn, Picture, font};
use crate::talk::short;

pub struct Confusion<'a> {
    pub classes: &'a [String],
    pub counts: &'a [Vec<u64>],
}

/// Counts are written into the cells of matrices up to this size.
const WRITTEN: usize = 24;

impl Picture for Confusion<'_> {
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn
    where
        B::ErrorType: 'static,
    {
        let count = self.counts.len() as i32;
        let (width, height) = area.dim_in_pixel();
        let label = font((300 / count.max(1) as u32).clamp(9, 14));
        let longest = self.classes.iter().map(|class| short(class, 14).chars().count()).max().unwrap_or(1) as i32;
        let left = 34 + 8 * longest;
        let (top, bottom) = (8, 52);
        let side = (height as i32 - top - bottom).min(width as i32 - left - 110);
        let cell = |place: i32| place * side / count;
        let centred = |style: &TextStyle<'static>| style.clone().pos(Pos::new(HPos::Center, VPos::Center));
        for (i, row) in self.counts.iter().enumerate() {
            let of_class = row.iter().sum::<u64>().max(1);
            for (j, counted) in row.iter().enumerate() {
                let share = *counted as f64 / of_class as f64;
                let (i, j) = (i as i32, j as i32);
                let corners = [(left + cell(j), top + cell(i)), (left + cell(j + 1), top + cell(i + 1))];
                area.draw(&Rectangle::new(corners, shade(share).filled()))?;
                area.draw(&Rectangle::new(corners, BLACK.mix(0.15)))?;
                if self.counts.len() <= WRITTEN && *counted > 0 {
                    let ink = if share > 0.55 { WHITE } else { BLACK };
                    let middle = ((corners[0].0 + corners[1].0) / 2, (corners[0].1 + corners[1].1) / 2);
                    area.draw(&Text::new(counted.to_string(), middle, centred(&label).color(&ink)))?;
                }
            }
        }
        // Only as many names as fit.
        let every = self.classes.len().div_ceil((side as usize / 14).max(1));
        for (i, class) in self.classes.iter().enumerate().step_by(every) {
            let middle = (cell(i as i32) + cell(i as i32 + 1)) / 2;
            let right = label.clone().pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(short(class, 14), (left - 6, top + middle), right))?;
            let room = (side / count * every as i32 / 8).max(2) as usize;
            area.draw(&Text::new(short(class, room), (left + middle, top + side + 12), centred(&label)))?;
        }
        area.draw(&Text::new("predicted", (left + side / 2, top + side + 34), centred(&font(15))))?;
        let turned = centred(&font(15)).transform(FontTransform::Rotate270);
        area.draw(&Text::new("actual", (12, top + side / 2), turned))?;
        // The scale of the shades.
        let (x, steps) = (left + side + 24, 50);
        for step in 0..steps {
            let (from, to) = (side * step / steps, side * (step + 1) / steps);
            let share = 1.0 - f64::from(step) / f64::from(steps - 1);
            area.draw(&Rectangle::new([(x, top + from), (x + 16, top + to)], shade(share).filled()))?;
        }
        for (share, text) in [(0, "100 %"), (1, "50 %"), (2, "0 %")] {
            let beside = font(12).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(text, (x + 22, top + side * share / 2), beside))?;
        }
        area.draw(&Text::new("of the row", (x - 4, top + side + 12), font(12)))?;
        Ok(())
    }
}

/// From white to dark blue.
fn shade(share: f64) -> RGBColor {
    let mixed = |from: f64, to: f64| (from + (to - from) * share.clamp(0.0, 1.0).sqrt()) as u8;
    RGBColor(mixed(255.0, 8.0), mixed(255.0, 64.0), mixed(255.0, 129.0))
}
