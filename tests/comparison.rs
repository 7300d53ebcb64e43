//! The comparison that all other tests stand on can fail.

mod common;

use common::close;

#[test]
fn accepts_what_is_within_its_bound() {
    assert_eq!(close(&[1.0, 2.0], &[1.0, 2.5], |i| [0.0, 0.5][i]), Ok(()));
}

#[test]
fn rejects_a_wrong_element() {
    assert!(close(&[1.0, 2.0, 3.0], &[1.0, 2.1, 3.0], |_| 0.05).is_err());
}

#[test]
fn rejects_a_wrong_length() {
    assert!(close(&[1.0, 2.0], &[1.0, 2.0, 3.0], |_| 1.0).is_err());
    assert!(close(&[1.0, 2.0], &[1.0], |_| 1.0).is_err());
    assert!(close(&[], &[1.0], |_| 1.0).is_err());
}

#[test]
fn rejects_a_nan_and_an_infinity() {
    assert!(close(&[f32::NAN], &[1.0], |_| 1e30).is_err());
    assert!(close(&[f32::INFINITY], &[1.0], |_| 1e30).is_err());
    assert!(close(&[1.0], &[f64::NAN], |_| 1e30).is_err());
    assert!(close(&[1.0], &[1.0], |_| f64::NAN).is_err());
}
