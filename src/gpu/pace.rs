//! Estimates how long a device takes: a fixed time for each answer, plus a time proportional to the work.

use std::time::Duration;

/// What was learned from finished work. It only determines how much is submitted at a time, never what is computed.
///
/// The time of `work` units is modelled as `fixed + work · each`. The fixed part is found by comparing two measurements
/// of different sizes: a browser may answer 100 ms late, however little work there was.
#[derive(Clone, Debug)]
pub struct Pace {
    rules: PaceRules,
    /// Whether any work has finished. The first time is mostly that of the driver's compilation.
    warm: bool,
    /// Work and seconds accumulated until they are enough for a measurement.
    collected: (f64, f64, f64),
    /// The shortest recent answer in seconds: the fixed part is no longer than that, however long another one was.
    shortest: f64,
    /// Decaying sums over the measurements: of 1, work, seconds, work², work · seconds.
    sums: [f64; 5],
    /// The fixed seconds of an answer.
    fixed: f64,
    /// Seconds for a unit of work; `None` before the first measurement.
    each: Option<f64>,
    /// The work of the last measurement.
    last: f64,
    /// Whether measurements of different sizes have been compared.
    compared: bool,
}

/// How an estimate follows the measurements.
#[derive(Clone, Copy, Debug)]
pub struct PaceRules {
    /// The share of a rise that is adopted with each measurement.
    pub rise: f64,
    /// The share of a fall that is adopted with each measurement.
    pub fall: f64,
    /// The maximum factor by which the work grows from one time to the next.
    pub growth: f64,
    /// Less work than this is accumulated first, because its time is not meaningful.
    pub enough: f64,
    /// The minimum amount of work.
    pub least: f64,
    /// Whether answers may have a fixed time. If the measurements cannot tell, another size is tried once: a larger one
    /// if no smaller one is possible.
    pub answers_late: bool,
    /// The least and the most that a unit of work is believed to take, in seconds.
    pub range: (f64, f64),
}

/// Any time.
pub const ANY: (f64, f64) = (0.0, f64::INFINITY);

/// How estimates of submissions follow the measurements. A measurement covers at least an estimated millisecond.
/// A device is between a hundred times faster and a thousand times slower than estimated.
pub const SUBMISSIONS: PaceRules =
    PaceRules { rise: 0.5, fall: 0.5, growth: 8.0, enough: 1e6, least: 1.0, answers_late: true, range: (0.01e-9, 1000e-9) };

/// The share of the sums that remains when a measurement is added.
const MEMORY: f64 = 0.7;

/// The factor by which the shortest recent answer grows with each longer one.
const FORGETTING: f64 = 1.1;

/// The minimum spread of the sizes, as a share of their mean, that separates the fixed part from the rest.
const SPREAD: f64 = 0.2;

impl Pace {
    /// A pace without measurements.
    pub fn new(rules: PaceRules) -> Self {
        let (collected, sums) = ((0.0, 0.0, 0.0), [0.0; 5]);
        Self { rules, warm: false, collected, shortest: f64::INFINITY, sums, fixed: 0.0, each: None, last: 0.0, compared: false }
    }

    /// The same pace for work whose kernels the driver may still have to compile.
    #[must_use]
    pub fn cold(mut self) -> Self {
        (self.warm, self.collected) = (false, (0.0, 0.0, 0.0));
        self
    }

    /// Whether anything has been measured.
    pub fn is_known(&self) -> bool {
        self.each.is_some()
    }

    /// The seconds for a unit of work, if known.
    pub fn each(&self) -> Option<f64> {
        self.each
    }

    /// The fixed time of an answer.
    pub fn fixed(&self) -> Duration {
        Duration::from_secs_f64(self.fixed)
    }

    /// Records how long that work took.
    pub fn learn(&mut self, work: f64, taken: Duration) {
        if !std::mem::replace(&mut self.warm, true) || work <= 0.0 {
            return;
        }
        self.collected.0 += work;
        self.collected.1 += taken.as_secs_f64();
        self.collected.2 += 1.0;
        if self.collected.0 < self.rules.enough {
            return;
        }
        let (work, seconds, answers) = std::mem::take(&mut self.collected);
        // Of one answer each.
        let (work, seconds) = (work / answers, seconds / answers);
        self.shortest = seconds.min(self.shortest * FORGETTING);
        self.last = work;
        for (sum, new) in self.sums.iter_mut().zip([1.0, work, seconds, work * work, work * seconds]) {
            *sum = *sum * MEMORY + new;
        }
        let [count, works, times, squares, products] = self.sums;
        let (mean, time) = (works / count, times / count);
        let variance = squares / count - mean * mean;
        if self.rules.answers_late && variance > (SPREAD * mean) * (SPREAD * mean) {
            let slope = ((products / count - mean * time) / variance).max(0.0);
            self.fixed = (time - slope * mean).max(0.0);
            self.compared = true;
        }
        self.fixed = self.fixed.min(self.shortest);
        let (least, most) = self.rules.range;
        let measured = ((seconds - self.fixed) / work).clamp(least, most);
        self.each = Some(match self.each {
            None => measured,
            Some(before) if measured > before => before + self.rules.rise * (measured - before),
            Some(before) => before + self.rules.fall * (measured - before),
        });
    }

    /// The work that fits in that time, in addition to the fixed part; `None` before the first measurement.
    pub fn fitting(&self, time: Duration) -> Option<f64> {
        let each = self.each?;
        let fitting = time.as_secs_f64() / each.max(f64::MIN_POSITIVE);
        if self.rules.answers_late && !self.compared && fitting <= self.last {
            // The time may be a fixed part, which another size will tell.
            let half = self.last / 2.0;
            return Some(if half >= self.rules.least { fitting.min(half) } else { 2.0 * self.last });
        }
        Some(fitting.min(self.rules.growth * self.last).max(self.rules.least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PaceRules =
        PaceRules { rise: 0.5, fall: 0.5, growth: 4.0, enough: 0.0, least: 1.0, answers_late: true, range: ANY };

    /// Simulates a device with those times. Returns the sizes of the work it was given.
    fn worked(rules: PaceRules, first: f64, budget: Duration, seconds: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut pace = Pace::new(rules);
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
            let sizes = worked(RULES, 1.0, Duration::from_millis(100), |work| work * each);
            let fitting = (0.1f64 / each).max(1.0);
            assert!((sizes[30] - fitting).abs() <= 0.1 * fitting, "{each}: {sizes:?}");
            assert!(sizes.windows(2).all(|pair| pair[1] <= 4.0 * pair[0]), "{each}: {sizes:?}");
        }
    }

    /// A device that always answers 100 ms late is given as much as the work itself would take.
    #[test]
    fn what_is_fixed_in_an_answer_is_not_taken_for_work() {
        for first in [1.0, 64.0] {
            let sizes = worked(RULES, first, Duration::from_millis(20), |work| 0.1 + work * 1e-4);
            assert!((150.0..=250.0).contains(&sizes[30]), "{sizes:?}");
        }
    }

    /// After a stall, as of a program that was stopped for an hour, no submission takes much longer than it may.
    #[test]
    fn a_stall_is_not_taken_for_a_fixed_part() {
        let mut pace = Pace::new(SUBMISSIONS);
        let budget = Duration::from_millis(200);
        let (mut work, mut longest) = (1e7, 0.0f64);
        for round in 0..60 {
            let seconds = work * 1e-9;
            longest = longest.max(seconds);
            pace.learn(work, Duration::from_secs_f64(if round == 12 { 3600.0 } else { seconds }));
            work = pace.fitting(budget).unwrap_or(work);
        }
        assert!(longest <= 0.3, "a submission of {longest} s");
        assert!((0.1..=0.3).contains(&(work * 1e-9)), "submissions of {} s in the end", work * 1e-9);
    }

    #[test]
    fn a_rise_counts_at_once_when_the_rules_are_careful() {
        let rules = PaceRules { rise: 1.0, fall: 0.1, growth: 2.0, answers_late: false, ..RULES };
        let mut pace = Pace::new(rules);
        for work in [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0] {
            pace.learn(work, Duration::from_secs_f64(work * 1e-3));
        }
        pace.learn(32.0, Duration::from_secs_f64(0.32));
        let each = pace.each().expect("measured");
        assert!(each > 4e-3, "{each}");
    }
}
