//! How long a device takes: what each of its answers costs, whatever the work, and what the work adds to that.

use std::time::Duration;

/// What was learned of finished work. Only how much is submitted at a time depends on it, never what is computed.
///
/// The time of `work` units is taken to be `fixed + work · each`. The fixed part is what is left of it when two measurements of different
/// sizes are compared: a browser may answer 100 ms late, however little there was to do.
#[derive(Clone, Debug)]
pub struct Pace {
    habit: Habit,
    /// Whether something has been finished: the first time is mostly the driver's, which compiles.
    warm: bool,
    /// What is collected until it is enough to say something: work and seconds.
    collected: (f64, f64),
    /// Fading sums over the measurements: of 1, work, seconds, work², work · seconds.
    sums: [f64; 5],
    /// Seconds of an answer, whatever the work.
    fixed: f64,
    /// Seconds a unit; nothing before the first measurement.
    each: Option<f64>,
    /// The work of the last measurement.
    last: f64,
    /// Whether measurements of different sizes have been compared.
    compared: bool,
}

/// How an estimate follows what is measured.
#[derive(Clone, Copy, Debug)]
pub struct Habit {
    /// The share of a rise that is taken over at once.
    pub rise: f64,
    /// The same of a fall.
    pub fall: f64,
    /// By how much the work may grow from one time to the next.
    pub growth: f64,
    /// Less work than this is collected first, because its time says nothing.
    pub enough: f64,
    /// The least work that there is.
    pub least: f64,
    /// Whether an answer may take time whatever the work. Where times say nothing else, another size is then tried, once: a larger one if there
    /// is none smaller.
    pub answers_late: bool,
}

/// How estimates of submissions follow what is measured: a millisecond of them at least says something.
pub const SUBMISSIONS: Habit = Habit { rise: 0.5, fall: 0.5, growth: 8.0, enough: 1e6, least: 1.0, answers_late: true };

/// How much of the sums stays when a measurement is added.
const MEMORY: f64 = 0.7;

/// How far sizes must spread, as a share of their mean, to tell the fixed part from the rest.
const SPREAD: f64 = 0.2;

impl Pace {
    /// One that has learned nothing yet.
    pub fn new(habit: Habit) -> Self {
        let (collected, sums) = ((0.0, 0.0), [0.0; 5]);
        Self { habit, warm: false, collected, sums, fixed: 0.0, each: None, last: 0.0, compared: false }
    }

    /// The same for work whose kernels the driver may still have to compile.
    #[must_use]
    pub fn cold(mut self) -> Self {
        (self.warm, self.collected) = (false, (0.0, 0.0));
        self
    }

    /// Whether anything has been measured.
    pub fn is_known(&self) -> bool {
        self.each.is_some()
    }

    /// Seconds a unit of work, if that is known.
    pub fn each(&self) -> Option<f64> {
        self.each
    }

    /// What an answer costs, whatever the work.
    pub fn fixed(&self) -> Duration {
        Duration::from_secs_f64(self.fixed)
    }

    /// Takes note of how long that work took.
    pub fn learn(&mut self, work: f64, taken: Duration) {
        if !std::mem::replace(&mut self.warm, true) || work <= 0.0 {
            return;
        }
        self.collected.0 += work;
        self.collected.1 += taken.as_secs_f64();
        if self.collected.0 < self.habit.enough {
            return;
        }
        let (work, seconds) = std::mem::take(&mut self.collected);
        self.last = work;
        for (sum, new) in self.sums.iter_mut().zip([1.0, work, seconds, work * work, work * seconds]) {
            *sum = *sum * MEMORY + new;
        }
        let [count, works, times, squares, products] = self.sums;
        let (mean, time) = (works / count, times / count);
        let variance = squares / count - mean * mean;
        if self.habit.answers_late && variance > (SPREAD * mean) * (SPREAD * mean) {
            let slope = ((products / count - mean * time) / variance).max(0.0);
            self.fixed = (time - slope * mean).max(0.0);
            self.compared = true;
        }
        self.fixed = self.fixed.min(seconds);
        let measured = (seconds - self.fixed) / work;
        self.each = Some(match self.each {
            None => measured,
            Some(before) if measured > before => before + self.habit.rise * (measured - before),
            Some(before) => before + self.habit.fall * (measured - before),
        });
    }

    /// The work that takes that long, beside the fixed part; nothing while nothing is known.
    pub fn fitting(&self, time: Duration) -> Option<f64> {
        let each = self.each?;
        let fitting = time.as_secs_f64() / each.max(f64::MIN_POSITIVE);
        if self.habit.answers_late && !self.compared && fitting <= self.last {
            // The time may be a fixed part: another size will tell.
            let half = self.last / 2.0;
            return Some(if half >= self.habit.least { fitting.min(half) } else { 2.0 * self.last });
        }
        Some(fitting.min(self.habit.growth * self.last).max(self.habit.least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HABIT: Habit = Habit { rise: 0.5, fall: 0.5, growth: 4.0, enough: 0.0, least: 1.0, answers_late: true };

    /// Works with a device that takes so long, and gives the sizes that it was given.
    fn worked(habit: Habit, first: f64, budget: Duration, seconds: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut pace = Pace::new(habit);
        let mut sizes = vec![first];
        for _ in 0..30 {
            let work = sizes[sizes.len() - 1];
            pace.learn(work, Duration::from_secs_f64(seconds(work)));
            sizes.push(pace.fitting(budget).unwrap_or(first).floor());
        }
        sizes
    }

    #[test]
    fn the_work_that_fits_is_found() {
        for each in [1e-5, 1e-3, 0.02, 0.3] {
            let sizes = worked(HABIT, 1.0, Duration::from_millis(100), |work| work * each);
            let fitting = (0.1f64 / each).max(1.0);
            assert!((sizes[30] - fitting).abs() <= 0.1 * fitting, "{each}: {sizes:?}");
            assert!(sizes.windows(2).all(|pair| pair[1] <= 4.0 * pair[0]), "{each}: {sizes:?}");
        }
    }

    /// A device that answers 100 ms late, whatever it is given, is given as much as the work alone would take.
    #[test]
    fn what_is_fixed_in_an_answer_is_not_taken_for_work() {
        for first in [1.0, 64.0] {
            let sizes = worked(HABIT, first, Duration::from_millis(20), |work| 0.1 + work * 1e-4);
            assert!((150.0..=250.0).contains(&sizes[30]), "{sizes:?}");
        }
    }

    #[test]
    fn a_rise_is_believed_at_once_where_the_habit_is_careful() {
        let habit = Habit { rise: 1.0, fall: 0.1, growth: 2.0, answers_late: false, ..HABIT };
        let mut pace = Pace::new(habit);
        for work in [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0] {
            pace.learn(work, Duration::from_secs_f64(work * 1e-3));
        }
        pace.learn(32.0, Duration::from_secs_f64(0.32));
        let each = pace.each().expect("measured");
        assert!(each > 4e-3, "{each}");
    }
}
