// math: functions for activations and losses. A stage gets only those that it calls.

// 1 / (1 + e^-x), without overflow.
fn logistic(x: f32) -> f32 {
    let e = exp(-abs(x));
    return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

// ln(1 + e) for e from 0 to 1: 2 (s + s³/3 + s⁵/5 + …) with s = e / (2 + e), at most 1/3.
// WGSL's own log is accurate only to 2⁻²¹ near 1.
fn log_of_1_plus(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let q = s * s;
    let tail = 1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0)));
    return 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * tail))));
}

// e^x - 1 for x ≤ 0. Near 0, where the difference would cancel, it is the series x + x²/2 + x³/6 + …
fn exp_minus_1(x: f32) -> f32 {
    let tail = 1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0)));
    let near = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * tail)));
    // In this order, because a driver's exp may turn a NaN into a number.
    return select(near, exp(x) - 1.0, x <= -0.5);
}

// The normal distribution's Φ(x) = erfc(-x / √2) / 2. With t = 1 / (1 + z / 2), erfc(z) = t e^(P(t) - z²) for z ≥ 0.
// P is the polynomial of degree 9 fitted at the Chebyshev points; the relative error of erfc is at most 1.1e-7.
fn normal_cdf(x: f32) -> f32 {
    let z = min(abs(x) / sqrt(2.0), 12.0);
    let t = 1.0 / (1.0 + 0.5 * z);
    let high = 0.278868079 + t * (-1.13520396 + t * (1.48851585 + t * (-0.822152257 + t * 0.170872778)));
    let p = -1.26551223 + t * (1.00002372 + t * (0.374091953 + t * (0.0967841893 + t * (-0.186288059 + t * high))));
    let half = 0.5 * t * exp(p - z * z);
    return select(1.0 - half, half, x < 0.0);
}

// The normal distribution's density φ(x).
fn normal_density(x: f32) -> f32 {
    return 0.3989422804 * exp(-0.5 * min(x * x, 400.0));
}

// Twice the argument of the hyperbolic tangent in GELU's approximation: (1 + tanh u) / 2 is logistic(2 u).
fn gelu_argument(x: f32) -> f32 {
    return 1.5957691216 * (x + 0.044715 * x * x * x);
}

// Its derivative. For large |x| it stops growing; there it is multiplied by 0.
fn gelu_slope(x: f32) -> f32 {
    return 1.5957691216 * (1.0 + 3.0 * 0.044715 * min(x * x, 400.0));
}

// A probability kept 2⁻²³ away from 0 and 1, so that its logarithm is finite.
fn probability(y: f32) -> f32 {
    // Not clamp: for a NaN, drivers may return a bound, which would hide the error.
    let above = select(y, 1.0 / 8388608.0, y < 1.0 / 8388608.0);
    return select(above, 1.0 - 1.0 / 8388608.0, above > 1.0 - 1.0 / 8388608.0);
}
