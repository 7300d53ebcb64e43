//! Sigmoid, hyperbolic tangent and the exponential function, as the shaders compute them. `SHADERPROP_LONG` tests all
//! 2³² inputs; otherwise about a million are tested, spread over all of them. The table that this test prints is in
//! docs/inside/reliability.md.

mod common;

use std::sync::Mutex;

use common::{ULP, device, run};
use shaderprop::Activation;
use shaderprop::internals::{Limits, Plan, gpu};

/// The number of inputs of a dispatch.
const PIECE: usize = 1 << 22;

/// Special values: NaN of both kinds and signs, the infinities, the zeros, and the largest and smallest normal and
/// subnormal numbers.
const SPECIALS: [u32; 16] = [
    0x7fc0_0000,
    0xffc0_0000,
    0x7f80_0001,
    0xff80_0001,
    0x7fff_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x0000_0000,
    0x8000_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x0080_0000,
    0x8080_0000,
    0x0000_0001,
    0x8000_0001,
    0x007f_ffff,
];

struct Function {
    activation: Activation,
    exact: fn(f64) -> f64,
    /// The error that WGSL allows, for an input and the exact value.
    bound: fn(f64, f64) -> f64,
}

/// The largest errors so far, and their inputs.
#[derive(Clone, Copy, Debug, Default)]
struct Largest {
    absolute: (f64, f32),
    /// In units in the last place of the exact value, for values from 10⁻³ to 10³.
    last_place: (f64, f32),
}

/// The distance between neighbouring f32s near a value.
fn unit(value: f64) -> f64 {
    let exponent = value.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor() as i32;
    2f64.powi(exponent - 23)
}

fn functions() -> [Function; 3] {
    // WGSL's exp is within 3 + 2 |x| units in the last place, and its division within 2.5.
    [
        Function {
            activation: Activation::Sigmoid,
            exact: |x| 1.0 / (1.0 + (-x).exp()),
            bound: |x, y| ULP * (y * (1.0 - y) * (3.0 + 2.0 * x.abs()) + 4.0 * y) + f64::from(f32::MIN_POSITIVE),
        },
        // The bound that WGSL itself states.
        Function { activation: Activation::Tanh, exact: f64::tanh, bound: |_, _| 1e-5 },
        Function {
            activation: Activation::custom("exp", "exp(x)", "y", f64::exp, |_, y| y),
            exact: f64::exp,
            bound: |x, y| y * (3.0 + 2.0 * x.abs()) * ULP + f64::from(f32::MIN_POSITIVE),
        },
    ]
}

/// Checks values of a function. The error describes the first wrong one.
fn check(function: &Function, inputs: &[f32], outputs: &[f32], largest: &mut Largest) -> Result<(), String> {
    for (x, got) in inputs.iter().zip(outputs) {
        let exact = (function.exact)(f64::from(*x));
        let rounded = exact as f32;
        // NaN gives NaN. A value that is infinite, or beyond the range of f32, gives an infinity. Nothing else gives
        // either.
        let right = match (rounded.is_nan(), rounded.is_infinite()) {
            (true, _) => got.is_nan(),
            _ if *got == rounded => true,
            // Close to the end of the range, the largest numbers are right, too.
            (_, true) => exact.is_finite() && f64::from(*got) >= f64::from(f32::MAX) * (1.0 - 200.0 * ULP),
            _ => {
                let error = (f64::from(*got) - exact).abs();
                let near_end = exact > f64::from(f32::MAX) * (1.0 - 200.0 * ULP) && got.is_infinite();
                if error > largest.absolute.0 && !near_end {
                    largest.absolute = (error, *x);
                }
                if (1e-3..1e3).contains(&exact.abs()) && error / unit(exact) > largest.last_place.0 {
                    largest.last_place = (error / unit(exact), *x);
                }
                near_end || error <= (function.bound)(f64::from(*x), exact)
            }
        };
        if !right {
            let bits = x.to_bits();
            return Err(format!("{}({x:e} = {bits:#010x}): got {got:e}, expected {exact:e}", function.activation.name()));
        }
    }
    Ok(())
}

fn plan(activation: &Activation, count: usize, limits: &Limits) -> Plan {
    let mut plan = Plan::new(*limits);
    let bias = plan.tensor("bias", 1, 1).expect("a tensor");
    let sums = plan.tensor("sums", count, 1).expect("a tensor");
    let outputs = plan.tensor("outputs", count, 1).expect("a tensor");
    plan.bias_activation(activation, bias, sums, outputs);
    plan
}

#[test]
fn every_input_of_sigmoid_tanh_and_exp() {
    let gpu = gpu(&device()).expect("a GPU");
    let limits = gpu.plan_limits();
    let long = std::env::var_os("SHADERPROP_LONG").is_some();
    let step = if long { 1 } else { 4093 };
    for function in functions() {
        let compute = |inputs: &[f32]| {
            let write: [(&str, &[f32]); 2] = [("sums", inputs), ("bias", &[0.0])];
            run(&gpu, plan(&function.activation, inputs.len(), &limits), 1, &write, &["outputs"]).remove(0)
        };
        let specials = SPECIALS.map(f32::from_bits);
        let mut largest = Largest::default();
        let of_specials = compute(&specials);
        check(&function, &specials, &of_specials, &mut largest).unwrap_or_else(|wrong| panic!("{wrong}"));
        for (x, got) in specials.iter().zip(of_specials) {
            let (name, expected) = (function.activation.name(), (function.exact)(f64::from(*x)) as f32);
            // Only one number is right, except for the sign of 0. For the tiniest inputs it may be off by one ULP,
            // because tanh is the driver's.
            let beside = *x != 0.0 && x.abs() < 1.0;
            let right = if expected.is_nan() {
                got.is_nan()
            } else {
                got == expected || (beside && (got - expected).abs() <= ULP as f32)
            };
            assert!(right, "{name}({x:e}): got {got:e}, expected {expected:e}");
        }
        let mut count = 0u64;
        let mut first = 0u64;
        while first < 1 << 32 {
            let bits = (first..1 << 32).step_by(step).take(PIECE);
            let inputs: Vec<f32> = bits.map(|bits| f32::from_bits(bits as u32)).collect();
            first += (inputs.len() * step) as u64;
            count += inputs.len() as u64;
            let outputs = compute(&inputs);
            let (all, wrong) = (Mutex::new(largest), Mutex::new(None));
            std::thread::scope(|scope| {
                for (inputs, outputs) in inputs.chunks(PIECE / 2).zip(outputs.chunks(PIECE / 2)) {
                    let (function, all, wrong) = (&function, &all, &wrong);
                    scope.spawn(move || {
                        let mut own = Largest::default();
                        if let Err(message) = check(function, inputs, outputs, &mut own) {
                            *wrong.lock().expect("a message") = Some(message);
                        }
                        let mut all = all.lock().expect("the largest");
                        if own.absolute.0 > all.absolute.0 {
                            all.absolute = own.absolute;
                        }
                        if own.last_place.0 > all.last_place.0 {
                            all.last_place = own.last_place;
                        }
                    });
                }
            });
            largest = all.into_inner().expect("the largest");
            if let Some(message) = wrong.into_inner().expect("a message") {
                panic!("{message}");
            }
        }
        let Largest { absolute, last_place } = largest;
        println!(
            "| {} | {count} | {:.2e} at {:e} | {:.1} at {:e} |",
            function.activation.name(),
            absolute.0,
            absolute.1,
            last_place.0,
            last_place.1
        );
    }
}
