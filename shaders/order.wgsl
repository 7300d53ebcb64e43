// order: which rows of the data are in this batch, or in many epochs. One invocation, one row.
//
// The epoch's order is a permutation of all rows that can be computed for any place alone, so that no list of it is kept: the
// place is written as two digits (x, y), and each round adds to one digit a random number that depends on the other, which can be
// undone, so that no two places meet. That is a Feistel network (M. Luby and C. Rackoff, 1988); where it leads beyond the last row
// it is applied again. The same in src/data/order.rs. `philox` and `Step` are appended to this file.

struct Params {
    first: u32,     // this dispatch computes the batch's rows first..end
    end: u32,
    rows: u32,      // in the data
    x_range: u32,   // x is below this, y below the other; their product is rows or a little more
    y_range: u32,
    rounds: u32,    // 0 leaves the rows in their order
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
    // Those of the epochs after it follow.
    let place = step.first + i;
    order[i] = row_at(place % params.rows, step.epoch + place / params.rows);
}

// The row at that place of that epoch.
fn row_at(first: u32, epoch: u32) -> u32 {
    var place = first;
    loop {
        var x = place / params.y_range;
        var y = place % params.y_range;
        for (var round = 0u; round < params.rounds; round++) {
            let digit = select(x, y, round % 2u == 0u);
            let random = philox(vec4u(digit, round, epoch, SHUFFLE), vec2u(params.seed_low, params.seed_high)).x;
            // A number below the range: the upper half of a product takes the place of a slow division.
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
