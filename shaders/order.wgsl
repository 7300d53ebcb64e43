// order: the rows of the data that are in this batch, or in many epochs. Each invocation computes one row.
//
// The order of an epoch is a random permutation of all rows. It is computed for each position separately, so that no list has
// to be stored. The position is written as two digits (x, y), and each round adds to one digit a random number that depends on
// the other. A round can be undone, so no two positions give the same row. This is a Feistel network (M. Luby and C. Rackoff,
// 1988). If the result is beyond the last row, it is applied again. src/data/order.rs computes the same.
// Appended to this file: `philox`, `Step`.

struct Params {
    first: u32,     // this dispatch computes the batch's rows first..end
    end: u32,
    rows: u32,      // the number of rows in the data
    x_range: u32,   // x is below this and y below y_range; their product is rows, or slightly more
    y_range: u32,
    rounds: u32,    // 0 for no shuffling
    seed_low: u32,
    seed_high: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> steps: array<Step>;
@group(0) @binding(2) var<storage, read> cursor: u32;
@group(0) @binding(3) var<storage, read_write> order: array<u32>;

const SHUFFLE = 1u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let i = params.first + id.x;
    if i >= params.end {
        return;
    }
    let step = steps[cursor];
    // The rows of the epochs after it follow.
    let place = step.first + i;
    order[i] = row_at(place % params.rows, step.epoch + place / params.rows);
}

// The row at a position of an epoch.
fn row_at(first: u32, epoch: u32) -> u32 {
    var place = first;
    loop {
        var x = place / params.y_range;
        var y = place % params.y_range;
        for (var round = 0u; round < params.rounds; round++) {
            let digit = select(x, y, round % 2u == 0u);
            let random = philox(vec4u(digit, round, epoch, SHUFFLE), vec2u(params.seed_low, params.seed_high)).x;
            // The upper half of a product is a number below the range, without a slow division.
            if round % 2u == 0u {
                x += high_word(random, params.x_range);
                x -= select(0u, params.x_range, x >= params.x_range);
            } else {
                y += high_word(random, params.y_range);
                y -= select(0u, params.y_range, y >= params.y_range);
            }
        }
        place = x * params.y_range + y;
        if place < params.rows {
            break;
        }
    }
    return place;
}
