// The data sets: rows, targets, and the network and settings that suit each.

/** Seeded random numbers from 0 to 1: mulberry32. */
function random(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

/** Noisy points of two classes; `place` gives their positions. */
function points(count, noise, place) {
    const next = random(7);
    const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const rows = [];
    const targets = [];
    for (let i = 0; i < count; i++) {
        const kind = i % 2;
        const [x, y] = place(kind, next());
        rows.push([x + noise * normal(), y + noise * normal()]);
        targets.push([kind]);
    }
    return { rows, targets, inputs: 2, outputs: 1 };
}

const xor = () => ({ rows: [[0, 0], [0, 1], [1, 0], [1, 1]], targets: [[0], [1], [1], [0]], inputs: 2, outputs: 1 });
const tutorial = { hidden: '2', activation: 'sigmoid', loss: 'squared_error', optimizer: 'sgd', rate: '0.1', seed: '42', epochs: '10000', batch: '' };
const playful = { activation: 'tanh', loss: 'binary_cross_entropy', optimizer: 'adam', init: 'glorot_uniform', seed: '0', batch: '' };

/** The data sets, by their names in the page's address. */
export const problems = {
    xor: { load: xor, last: 'sigmoid', settings: { ...tutorial, init: 'numpy' } },
    xor_by_layer: { load: xor, last: 'sigmoid', settings: { ...tutorial, init: 'numpy_by_layer' } },
    circles: {
        load: () => points(300, 0.08, (kind, u) => [(1 - 0.5 * kind) * Math.cos(2 * Math.PI * u), (1 - 0.5 * kind) * Math.sin(2 * Math.PI * u)]),
        last: 'sigmoid',
        settings: { ...playful, hidden: '8', rate: '0.02', epochs: '1500' },
    },
    moons: {
        load: () =>
            points(300, 0.1, (kind, u) =>
                kind ? [1 - Math.cos(Math.PI * u) - 0.5, 0.25 - Math.sin(Math.PI * u)] : [Math.cos(Math.PI * u) - 0.5, Math.sin(Math.PI * u) - 0.25],
            ),
        last: 'sigmoid',
        settings: { ...playful, hidden: '8, 8', rate: '0.02', epochs: '1500' },
    },
    spirals: {
        load: () =>
            points(400, 0.02, (kind, u) => {
                const turn = 0.3 + 1.6 * u;
                const angle = 2 * Math.PI * turn + Math.PI * kind;
                return [0.55 * turn * Math.cos(angle), 0.55 * turn * Math.sin(angle)];
            }),
        last: 'sigmoid',
        settings: { ...playful, hidden: '16, 16', rate: '0.01', epochs: '4000' },
    },
    digits: {
        load: digits,
        last: 'softmax',
        settings: { hidden: '32', activation: 'relu', loss: 'categorical_cross_entropy', optimizer: 'adam', rate: '0.003', init: 'he_uniform', seed: '0', epochs: '60', batch: '64' },
    },
};

let kept;

/** 1,797 handwritten digits, a fifth of them held out; fetched once. */
async function digits() {
    return (kept ??= await fetched());
}

async function fetched() {
    const response = await fetch('digits.csv.gz').catch((error) => ({ ok: false, status: error.message }));
    if (!response.ok) {
        throw new Error(`cannot fetch digits.csv.gz (${response.status}); put it next to the page, or try again`);
    }
    const unpacked = await new Response(response.body.pipeThrough(new DecompressionStream('gzip'))).text();
    const all = unpacked.trim().split('\n').map((line) => line.split(',').map(Number));
    const part = (held) => {
        const rows = all.filter((_, i) => (i % 5 === 4) === held);
        return [Float32Array.from(rows.flatMap((row) => row.slice(0, 64).map((pixel) => pixel / 16))), Float32Array.from(rows, (row) => row[64])];
    };
    const [rows, targets] = part(false);
    return { rows, targets, test: part(true), inputs: 64, outputs: 10, classes: [...'0123456789'] };
}
