// The network's output at each point of the plane, computed from its current weights, and the points that it is trained on.

// Both hidden layers have 16 units: four vectors.
const FOURS = 4u;

@group(0) @binding(0) var<storage, read> weight_0: array<vec4f>;
@group(0) @binding(1) var<storage, read> bias_0: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight_1: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias_1: array<vec4f>;
@group(0) @binding(4) var<storage, read> weight_2: array<vec4f>;
@group(0) @binding(5) var<storage, read> bias_2: array<f32>;
@group(0) @binding(6) var<storage, read> points: array<vec4f>;

struct Vertex {
    @builtin(position) position: vec4f,
    // The position in the plane, or in a disc.
    @location(0) at: vec2f,
    @location(1) class_of: f32,
}

// The plane from -1 to 1.
@vertex
fn plane(@builtin(vertex_index) i: u32) -> Vertex {
    let at = vec2f(f32(i & 1u), f32(i >> 1u)) * 4.0 - 1.0;
    return Vertex(vec4f(at, 0.0, 1.0), at, 0.0);
}

// The sum before the last activation, and its derivatives by x and y. With the derivatives, the line along the boundary has the same width everywhere.
fn network(at: vec2f) -> vec3f {
    var first: array<vec4f, FOURS>;
    var slope_x: array<vec4f, FOURS>;
    var slope_y: array<vec4f, FOURS>;
    for (var j = 0u; j < FOURS; j++) {
        let y = tanh(bias_0[j] + at.x * weight_0[j] + at.y * weight_0[FOURS + j]);
        first[j] = y;
        slope_x[j] = (1.0 - y * y) * weight_0[j];
        slope_y[j] = (1.0 - y * y) * weight_0[FOURS + j];
    }
    var sum = vec3f(bias_2[0], 0.0, 0.0);
    for (var j = 0u; j < FOURS; j++) {
        var inner = bias_1[j];
        var inner_x = vec4f();
        var inner_y = vec4f();
        for (var i = 0u; i < FOURS; i++) {
            let weights = mat4x4f(
                weight_1[(4u * i) * FOURS + j],
                weight_1[(4u * i + 1u) * FOURS + j],
                weight_1[(4u * i + 2u) * FOURS + j],
                weight_1[(4u * i + 3u) * FOURS + j],
            );
            inner += weights * first[i];
            inner_x += weights * slope_x[i];
            inner_y += weights * slope_y[i];
        }
        let y = tanh(inner);
        let back = (1.0 - y * y) * weight_2[j];
        sum += vec3f(dot(y, weight_2[j]), dot(back, inner_x), dot(back, inner_y));
    }
    return sum;
}

@fragment
fn decide(in: Vertex) -> @location(0) vec4f {
    let x = network(in.at);
    let p = 1.0 / (1.0 + exp(-clamp(x.x, -30.0, 30.0)));
    let blue = vec3f(0.36, 0.56, 0.84);
    let orange = vec3f(0.96, 0.62, 0.31);
    // White where it does not know.
    let sure = abs(2.0 * p - 1.0);
    let colour = mix(vec3f(0.97), select(blue, orange, p > 0.5), 0.15 + 0.85 * sure);
    // How many pixels the boundary is away: a pixel is 1/128 wide.
    let away = abs(x.x) / max(length(x.yz) / 128.0, 1e-6);
    let line = 1.0 - smoothstep(0.6, 1.6, away);
    return vec4f(mix(colour, vec3f(0.15), line), 1.0);
}

// A disc for each point.
@vertex
fn disc(@builtin(vertex_index) i: u32, @builtin(instance_index) which: u32) -> Vertex {
    let corner = vec2f(f32(i & 1u), f32(i >> 1u)) * 2.0 - 1.0;
    let point = points[which];
    return Vertex(vec4f(point.xy + corner * 0.022, 0.0, 1.0), corner, point.z);
}

@fragment
fn dot_of_class(in: Vertex) -> @location(0) vec4f {
    let radius = length(in.at);
    if radius > 1.0 {
        discard;
    }
    let colour = select(vec3f(0.10, 0.27, 0.60), vec3f(0.75, 0.32, 0.02), in.class_of > 0.5);
    return vec4f(select(colour, vec3f(1.0), radius > 0.72), 1.0);
}
