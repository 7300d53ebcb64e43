//! `doctor`: the driver that the tests run on is correct, and the report says so.

mod common;

use std::collections::BTreeSet;

use shaderprop::doctor;
use shaderprop::internals::Kernel;

/// Every shader file is used in some training run, and all results are correct.
#[test]
fn a_correct_driver_passes() {
    let mut told = Vec::new();
    let report = doctor::check_with(&common::device(), |progress| {
        assert_eq!((progress.training, progress.name.is_empty()), (told.len() + 1, false));
        told.push(progress.of);
    });
    let report = report.expect("a report");
    assert!(report.passed() && report.failures.is_empty() && report.wrong().is_empty(), "{report}");
    assert_eq!((report.trainings, told), (38, vec![38; 38]));
    let kernels = Kernel::all();
    let files: BTreeSet<_> = kernels.iter().filter_map(Kernel::file).collect();
    for name in files.into_iter().chain(["fused", "product ab tiles", "product atb rows", "product abt rows"]) {
        let found = report.kernels.get(name).unwrap_or_else(|| panic!("no training run used {name}"));
        assert!(found.trainings > 0 && found.right && found.wrong.is_empty() && found.worst <= 1e-3, "{name}: {found:?}");
    }
    let text = report.to_string();
    assert_eq!(text.lines().count(), report.kernels.len() + 2, "{text}");
    assert!(text.lines().all(|line| line.starts_with("ok     ")), "{text}");
    assert!(text.ends_with("ok     bits: 5 training runs with each engine are equal"), "{text}");
}

/// A lost device fails every check, and the report says why.
#[test]
fn a_lost_device_does_not_pass() {
    let device = common::device();
    device.destroy();
    let report = doctor::check(&device).expect("a report");
    assert!(!report.passed() && !report.deterministic && report.gradients.is_infinite(), "{report}");
    assert!(report.failures.iter().all(|(_, error)| error.needs_new_device()), "{:?}", report.failures);
    assert_eq!(report.failures.len(), 38 + 2);
    assert!(device.fault().is_some_and(|error| error.needs_new_device()));
    assert!(doctor::speed(&device).is_err());
}
