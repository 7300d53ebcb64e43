//! The doctor's report and how it is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::trainings::REPEATED;
use crate::error::Error;
use crate::gpu::DeviceInfo;
use crate::kernel::Kernel;

/// The greatest allowed distance of a training run from the reference, relative to how far it moved. f32 rounds by
/// 6e-8, hundreds of times in a row; a wrong result is off by as much as it moved.
pub(super) const ALLOWED: f64 = 1e-3;

/// The greatest allowed distance of a gradient from a central difference, relative to the greatest gradient. The
/// reference's f64 loses 1e-10 of it to the step.
const ALLOWED_GRADIENT: f64 = 1e-4;

/// The result of [`check`](super::check) for a device. It implements `Display`: a line for each kernel and each other
/// check.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The device that was checked.
    pub device: DeviceInfo,
    /// The number of training runs compared with the CPU engine.
    pub trainings: usize,
    /// The result for each kernel by name: a file of `shaders/`, or an emitted kernel such as `product ab tiles` and
    /// `fused`.
    pub kernels: BTreeMap<String, KernelReport>,
    /// The greatest difference between a gradient and a central difference of the loss, relative to the greatest
    /// gradient. It should be at most 1e-4. It is infinite if there is no gradient.
    pub gradients: f64,
    /// Whether repeated training runs gave the same bits on each engine.
    pub deterministic: bool,
    /// What the driver refused: the name of the training run, and the error.
    pub failures: Vec<(String, Error)>,
}

/// The result for one kernel.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct KernelReport {
    /// The number of training runs that used it.
    pub trainings: usize,
    /// The greatest difference between the results of such a run and the CPU engine's, relative to how far the weights
    /// moved. It should be at most 1e-3. It is infinite if there is a NaN or no result.
    pub worst: f64,
    /// The names of the training runs that went wrong.
    pub wrong: Vec<String>,
    /// Whether at least one training run that used it was right. If so, the kernel is suspect only in combination with
    /// others.
    pub right: bool,
}

impl KernelReport {
    pub(super) fn count(&mut self, training: &str, difference: f64) {
        self.trainings += 1;
        self.worst = self.worst.max(difference);
        if difference <= ALLOWED {
            self.right = true;
        } else {
            self.wrong.push(training.to_owned());
        }
    }
}

impl Report {
    pub(super) fn new(device: DeviceInfo) -> Self {
        Self {
            device,
            trainings: 0,
            kernels: BTreeMap::new(),
            gradients: f64::INFINITY,
            deterministic: false,
            failures: Vec::new(),
        }
    }

    pub(super) fn check_gradients(&mut self, found: Result<f64, Error>) {
        self.gradients = self.or_failed("gradients", found).filter(|gradients| !gradients.is_nan()).unwrap_or(f64::INFINITY);
    }

    pub(super) fn check_determinism(&mut self, found: Result<bool, Error>) {
        self.deterministic = self.or_failed("repeated training runs", found).unwrap_or(false);
    }

    /// The value, or `None` after recording a failure of the named training run.
    pub(super) fn or_failed<T>(&mut self, training: &str, found: Result<T, Error>) -> Option<T> {
        found.map_err(|error| self.failures.push((training.to_owned(), error))).ok()
    }

    /// Whether all checks passed.
    pub fn passed(&self) -> bool {
        self.wrong().is_empty()
    }

    /// Describes what is wrong, in a few words each; empty if all checks passed. It names each kernel whose training
    /// runs all went wrong, or the wrong training runs if there is no such kernel.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = suspects(&self.kernels);
        let missed = self.missed();
        if !missed.is_empty() {
            wrong.push(format!("kernels that no training run used: {}", missed.join(", ")));
        }
        if self.gradients > ALLOWED_GRADIENT {
            wrong.push(format!("gradients, by {:.1e}", self.gradients));
        }
        if !self.deterministic {
            wrong.push("determinism".into());
        }
        // A training run that was refused before it ran a kernel is in none of these.
        if wrong.is_empty() {
            wrong.extend(self.failures.iter().map(|(training, _)| training.clone()));
        }
        wrong
    }

    /// The shader files that no training run used: all of them if the driver refused everything.
    fn missed(&self) -> Vec<&'static str> {
        let files: BTreeSet<_> = Kernel::all().iter().filter_map(Kernel::file).collect();
        files.into_iter().filter(|file| !self.kernels.contains_key(*file)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.kernels.keys().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, found) in &self.kernels {
            let state = match (found.wrong.is_empty(), found.right) {
                (true, _) => "ok    ",
                // It only failed together with other suspects.
                (false, true) => "ok?   ",
                (false, false) => "WRONG ",
            };
            let wrong = if found.wrong.is_empty() { String::new() } else { format!("; wrong in {}", found.wrong.join(", ")) };
            writeln!(
                f,
                "{state} {name:longest$}  {:>3} training runs, at most {:.1e} from the reference{wrong}",
                found.trainings, found.worst
            )?;
        }
        let state = |right: bool| if right { "ok    " } else { "WRONG " };
        writeln!(
            f,
            "{} gradients: {:.1e} of the greatest from central differences, {ALLOWED_GRADIENT:.0e} allowed",
            state(self.gradients <= ALLOWED_GRADIENT),
            self.gradients
        )?;
        let bits = if self.deterministic { "are equal" } else { "differ" };
        write!(f, "{} bits: {REPEATED} training runs with each engine {bits}", state(self.deterministic))
    }
}

/// The names of the suspects: kernels whose training runs all went wrong, or the wrong training runs if there is no
/// such kernel.
fn suspects(kernels: &BTreeMap<String, KernelReport>) -> Vec<String> {
    let never: Vec<String> =
        kernels.iter().filter(|(_, found)| !found.wrong.is_empty() && !found.right).map(|(name, _)| name.clone()).collect();
    if !never.is_empty() {
        return never;
    }
    let cases: BTreeSet<&String> = kernels.values().flat_map(|found| &found.wrong).collect();
    cases.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Device;

    fn kernels(all: &[(&str, &[&str], bool)]) -> BTreeMap<String, KernelReport> {
        let found = |wrong: &[&str], right| KernelReport {
            trainings: 2,
            worst: 0.5,
            wrong: wrong.iter().map(|name| (*name).to_owned()).collect(),
            right,
        };
        all.iter().map(|(name, wrong, right)| ((*name).to_owned(), found(wrong, *right))).collect()
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(suspects(&kernels(&[("matmul.wgsl", &[], true)])).is_empty());
        let one = kernels(&[("matmul.wgsl", &["adam"], true), ("clip.wgsl", &["adam"], false), ("loss.wgsl", &[], true)]);
        assert_eq!(suspects(&one), ["clip.wgsl"]);
        // No kernel is in wrong training runs only.
        let company = kernels(&[("matmul.wgsl", &["adam"], true), ("clip.wgsl", &["adam"], true)]);
        assert_eq!(suspects(&company), ["adam"]);
    }

    #[test]
    fn a_report_passes_only_if_all_is_right() {
        let mut report = Report::new(Device::cpu().info().clone());
        report.kernels = Kernel::all()
            .iter()
            .filter_map(|kernel| Some((kernel.file()?.to_owned(), KernelReport { right: true, ..KernelReport::default() })))
            .collect();
        report.check_gradients(Ok(1e-7));
        report.check_determinism(Ok(true));
        assert!(report.passed() && !report.to_string().contains("WRONG"), "{report}");

        let spoilt = |spoil: fn(&mut Report)| {
            let mut report = report.clone();
            spoil(&mut report);
            assert!(!report.passed(), "{report}");
            (report.wrong().join("; "), report.to_string())
        };
        let (wrong, text) = spoilt(|report| report.check_gradients(Ok(f64::NAN)));
        assert!(wrong == "gradients, by inf" && text.contains("WRONG  gradients: inf"), "{wrong}\n{text}");
        let (wrong, text) = spoilt(|report| report.check_determinism(Err(Error::NoAdapter)));
        assert!(
            wrong == "determinism" && text.contains("WRONG  bits: 5 training runs with each engine differ"),
            "{wrong}\n{text}"
        );
        let (wrong, text) = spoilt(|report| report.kernels.entry("clip.wgsl".into()).or_default().count("adam", 0.5));
        assert!(wrong == "adam" && text.contains("ok?    clip.wgsl") && text.contains("; wrong in adam"), "{wrong}\n{text}");
        let (wrong, _) = spoilt(|report| drop(report.kernels.remove("clip.wgsl")));
        assert_eq!(wrong, "kernels that no training run used: clip.wgsl");
        let (wrong, _) = spoilt(|report| assert!(report.or_failed::<f64>("adam", Err(Error::NoAdapter)).is_none()));
        assert_eq!(wrong, "adam");
    }
}
