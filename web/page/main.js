// The page: what is chosen, trained and shown.

import { Network, Table, open, sweep } from './shaderprop.js';
import { problems } from './data.js';
import { Field } from './digits.js';
import { colour, drawBoundary, drawCurve, drawMatrix, largest } from './pictures.js';
import { fill, read, remember, suit } from './settings.js';
import { digits, show } from './stages.js';

const find = (id) => document.getElementById(id);
const form = find('settings');

/** The points of the plane that are predicted: so many in each direction. */
const SIDE = 64;

/** Milliseconds between two looks at a training. */
const LOOK = 60;

let device;
/** What is trained: the data, the network, and all that was seen of it. */
let run;
let table = null;
/** What the page is busy with; training is asked to end by `wanted`. */
let busy = null;
let wanted = false;
/** Whether training begins again by itself, on another device; and how often it may. */
let again = false;
let recoveries = 3;

/** Says what went wrong, in the page. */
function tell(error) {
    const text = error instanceof Error ? error.message : String(error);
    find('problem').textContent = text;
    find('problem').hidden = false;
}

/** Does something that may go wrong; one thing at a time. */
async function doing(what, work) {
    if (busy) return;
    busy = what;
    // What was said of a lost device stands while training goes on.
    find('problem').hidden = !again;
    again = false;
    buttons();
    try {
        await work();
    } catch (error) {
        if (error?.needsNewDevice) {
            await recover(error);
        } else {
            tell(error);
        }
    } finally {
        busy = null;
        buttons();
        if (again) form.requestSubmit();
    }
}

function buttons() {
    const training = busy === 'training';
    find('train').textContent = run?.losses.length && !run.finished ? 'Go on' : 'Train';
    find('train').disabled = !device || busy !== null;
    find('pause').disabled = !training;
    for (const button of document.querySelectorAll('#step, #explain button, #starts button, [data-save], #file')) {
        button.disabled = !device || busy !== null;
    }
    find('reset').disabled = !device || (busy !== null && !training);
}

/** A new device instead of a lost one; training goes on from what was seen last. */
async function recover(error) {
    const { weights, losses, points, seen } = run ?? {};
    const training = busy === 'training' && wanted;
    device = null;
    try {
        device = await open();
    } catch (other) {
        return tell(other);
    }
    if (run) {
        await begin();
        if (weights) {
            run.network.setWeights(weights);
            // The losses between two looks went with the device.
            run.losses = [...losses, ...new Array(Math.max(0, (seen ?? 0) - losses.length)).fill(NaN)];
            run.points = points;
        }
        await look(run.network.weights());
    }
    again = training && recoveries-- > 0;
    tell(`${error.message}. Another one was opened: training goes on from the last weights that were seen.`);
}

/** The chosen network, not trained yet. */
async function begin() {
    const chosen = form.elements.network.value;
    const problem = problems[chosen] ?? { load: () => table.data, last: table.last };
    const data = run?.chosen === chosen && run.data.table === table ? run.data : await problem.load();
    const { description, settings, epochs, slow } = read(form, data, problem.last);
    const network = new Network(device, description, data.table);
    await watch({ chosen, data, description, settings, epochs, slow, network });
}

/** Shows a network from its first look on. */
async function watch({ data, network, ...rest }) {
    const plane = data.inputs === 2 && data.outputs === 1 && Array.isArray(data.rows);
    const next = { data, network, ...rest, losses: [], held: [], weights: null, finished: false, started: 0 };
    if (plane) {
        next.bounds = bounds(data.rows);
        next.plane = await network.predictor(grid(next.bounds));
    }
    next.sample = await network.predictor(firstRows(data));
    run = next;
    find('boundary-section').hidden = !plane;
    find('draw-section').hidden = data.inputs !== 64 || data.outputs !== 10;
    find('accuracy-box').hidden = !data.test || data.outputs === 1;
    find('starts-section').hidden = !rest.chosen?.startsWith('xor');
    find('losses').tBodies[0].replaceChildren();
    for (const id of ['loss', 'speed', 'engine', 'accuracy']) {
        find(id).textContent = '–';
    }
    find('epoch').textContent = '0';
    await look(network.weights());
}

function bounds(rows) {
    const all = rows.flat();
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const margin = 0.15 * (high - low);
    return { low: low - margin, high: high + margin };
}

/** The plane's points, row by row from above. */
function grid({ low, high }) {
    const points = new Float32Array(2 * SIDE * SIDE);
    const place = (i) => low + ((i + 0.5) / SIDE) * (high - low);
    for (let i = 0; i < SIDE * SIDE; i++) {
        points[2 * i] = place(i % SIDE);
        points[2 * i + 1] = place(SIDE - 1 - Math.floor(i / SIDE));
    }
    return points;
}

/** The rows whose activations are shown. */
function firstRows({ rows, inputs }) {
    return rows instanceof Float32Array ? rows.slice(0, inputs * Math.min(12, rows.length / inputs)) : rows.slice(0, 12);
}

/** Looks at a network that has those weights: on the device, what it answers; here, the numbers. */
async function look(weights) {
    const current = run;
    current.weights = weights;
    if (current.plane) {
        current.values = await current.plane.predict(weights);
    }
    current.activations = await current.sample.activations(weights);
    paint();
}

let painted = 0;

/** Draws what is known, at the next frame. */
function paint() {
    if (painted) return;
    painted = requestAnimationFrame(() => {
        painted = 0;
        if (!run) return;
        const points = run.points ?? [];
        drawCurve(find('curve'), [{ points }, { points: run.held, dashed: true }], Math.max(run.epochs ?? 1, run.losses.length));
        if (run.plane && run.values) {
            drawBoundary(find('boundary'), { side: SIDE, bounds: run.bounds, values: run.values }, run.data);
        }
        drawLayers();
    });
}

function drawLayers() {
    const pictures = [];
    const weights = run.weights.filter(({ shape }) => shape.length === 2);
    weights.forEach(({ name, shape: [ins, outs], values }, layer) => {
        const range = largest(values);
        if (layer === 0 && ins === 64 && run.data.inputs === 64) {
            // Each unit's weights are a picture, of the pixels that it looks for.
            pictures.push([`${name}: ${outs} units of 8 × 8`, 8 * Math.ceil(outs / 8), 64, unitPictures(values, outs), range]);
        } else {
            pictures.push([`${name} (${ins} × ${outs}), within ±${range.toPrecision(3)}`, ins, outs, values, range]);
        }
        const outputs = run.activations[layer];
        if (outputs) {
            const most = largest(outputs);
            pictures.push([`layers.${layer}.output of ${outputs.length / outs} rows, within ±${most.toPrecision(3)}`, outputs.length / outs, outs, outputs, most]);
        }
    });
    const list = find('layers');
    while (list.children.length > pictures.length) list.lastChild.remove();
    pictures.forEach(([caption, rows, columns, values, range], i) => {
        const figure = list.children[i] ?? list.appendChild(document.createElement('figure'));
        if (!figure.firstChild) figure.append(document.createElement('canvas'), document.createElement('figcaption'));
        drawMatrix(figure.firstChild, rows, columns, values, range);
        figure.lastChild.textContent = caption;
    });
}

/** The first layer of a network for 8 × 8 pixels: eight units side by side, each a square. */
function unitPictures(values, units) {
    const height = 8 * Math.ceil(units / 8);
    const picture = new Float32Array(64 * height);
    for (let unit = 0; unit < units; unit++) {
        for (let pixel = 0; pixel < 64; pixel++) {
            const row = 8 * Math.floor(unit / 8) + Math.floor(pixel / 8);
            picture[row * 64 + 8 * (unit % 8) + (pixel % 8)] = values[pixel * units + unit];
        }
    }
    return picture;
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Trains for so many epochs, or until somebody stops it. */
async function train(epochs) {
    const current = run;
    const { data, network, settings, slow } = current;
    const before = current.losses.length;
    const began = performance.now();
    current.points ??= [];
    wanted = true;
    const pace = slow ? { logEvery: Math.max(1, Math.ceil(current.epochs / 300)) } : { logInterval: LOOK };
    const onLog = async (log) => {
        current.points.push([before + log.epoch, log.loss]);
        current.seen = before + log.epoch;
        find('epoch').textContent = (before + log.epoch).toLocaleString('en');
        find('loss').textContent = digits(log.loss);
        find('speed').textContent = Math.round((1000 * log.epoch) / (performance.now() - began)).toLocaleString('en');
        await look(log.weights);
        if (slow) await frame();
        return wanted;
    };
    const history = await network.fit(data.rows, data.targets, { ...settings, epochs, ...pace, logWeights: true, onLog });
    for (const loss of history.loss) current.losses.push(loss);
    const done = current.losses.length;
    current.finished = done >= current.epochs;
    find('engine').textContent = history.engine;
    find('epoch').textContent = done.toLocaleString('en');
    find('loss').textContent = digits(current.losses[done - 1]);
    current.points.push([done, current.losses[done - 1]]);
    tabulate();
    await look(network.weights());
    if (data.test && data.outputs > 1) {
        const { accuracy } = await network.evaluate(...data.test, settings.loss);
        find('accuracy').textContent = `${(100 * accuracy).toFixed(2)} %`;
    }
}

/** Ten losses, as the tutorials print them. */
function tabulate() {
    const every = Math.max(1, Math.ceil(run.epochs / 10));
    const lines = [];
    for (let epoch = 1; epoch <= run.losses.length; epoch += every) {
        if (Number.isNaN(run.losses[epoch - 1])) continue;
        const line = document.createElement('tr');
        const [name, loss] = [document.createElement('th'), document.createElement('td')];
        name.scope = 'row';
        name.textContent = `epoch ${epoch}`;
        loss.textContent = digits(run.losses[epoch - 1]);
        line.append(name, loss);
        lines.push(line);
    }
    find('losses').tBodies[0].replaceChildren(...lines);
}

/** Takes the form's settings for what is trained next. */
function takeSettings() {
    const { settings, epochs, slow, description } = read(form, run.data, problems[run.chosen]?.last ?? run.last ?? table?.last);
    const same = JSON.stringify(description) === JSON.stringify(run.description);
    Object.assign(run, { settings, epochs, slow });
    return same;
}

form.addEventListener('submit', (event) => {
    event.preventDefault();
    doing('training', async () => {
        remember(form);
        if (!run || run.finished || (!run.loaded && !takeSettings())) await begin();
        if (run.loaded) takeSettings();
        await train(Math.max(1, run.epochs - run.losses.length));
    });
});
find('pause').addEventListener('click', () => (wanted = false));
find('step').addEventListener('click', () =>
    doing('training', async () => {
        if (!run.loaded && !takeSettings()) await begin();
        run.finished = false;
        await train(1);
    }),
);
find('reset').addEventListener('click', async () => {
    wanted = false;
    while (busy) await frame();
    doing('resetting', async () => {
        remember(form);
        await begin();
    });
});
form.elements.network.addEventListener('change', async () => {
    suit(form, form.elements.network.value === 'csv' ? table.settings : undefined);
    wanted = false;
    while (busy) await frame();
    doing('resetting', async () => {
        remember(form);
        await begin();
    });
});
form.addEventListener('change', () => remember(form));

find('explain').addEventListener('submit', (event) => {
    event.preventDefault();
    doing('explaining', async () => {
        const epoch = Number(event.target.elements.epoch.value);
        const { data, description, settings, epochs } = run;
        if (!description) throw new Error('the stages: expected a network that begins here, got one out of a file; choose data and press Reset');
        const fresh = new Network(device, description, data.table);
        show(find('stages'), await fresh.explain(data.rows, data.targets, { ...settings, epochs: Math.max(epochs, epoch) }, epoch));
    });
});

find('starts').addEventListener('submit', (event) => {
    event.preventDefault();
    doing('sweeping', async () => {
        const count = Number(event.target.elements.count.value);
        find('starts-result').textContent = 'Training …';
        const { data, description, settings, epochs } = run;
        const began = performance.now();
        const losses = await sweep(device, description, count, data.rows, data.targets, { ...settings, epochs });
        const seconds = (performance.now() - began) / 1000;
        const solved = losses.filter((loss) => loss < 0.05).length;
        find('starts-result').textContent =
            `${solved.toLocaleString('en')} of ${count.toLocaleString('en')} starts solve XOR (a loss below 0.05 after ` +
            `${epochs.toLocaleString('en')} epochs), in ${seconds.toFixed(2)} s. Each square is a start: orange is a loss near 0, blue one of 0.25 or more.`;
        const columns = Math.min(count, 50);
        const values = Float32Array.from(losses, (loss) => 1 - 8 * Math.min(loss, 0.25));
        const picture = find('starts-picture');
        picture.hidden = false;
        const rows = Math.ceil(count / columns);
        const padded = new Float32Array(rows * columns);
        padded.set(values);
        const cell = Math.max(2, Math.min(12, Math.floor(600 / columns)));
        picture.width = columns * cell;
        picture.height = rows * cell;
        const context = picture.getContext('2d');
        values.forEach((value, i) => {
            context.fillStyle = `rgb(${colour(0.5 + value / 2)})`;
            context.fillRect((i % columns) * cell, Math.floor(i / columns) * cell, cell - 1, cell - 1);
        });
    });
});

const field = new Field(find('draw'), () => doing('predicting', recognise));
find('clear').addEventListener('click', () => {
    field.clear();
    find('recognised').textContent = 'Draw with the pointer, or with arrow keys (shift draws) and space.';
});

async function recognise() {
    if (field.empty) return;
    const shares = await run.network.predict(field.pixels());
    const ranked = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
    const percent = (i) => `${(100 * shares[i]).toFixed(1)} %`;
    find('recognised').textContent = `It is a ${ranked[0]} (${percent(ranked[0])}), or else a ${ranked[1]} (${percent(ranked[1])}).`;
}

for (const button of document.querySelectorAll('[data-save]')) {
    button.addEventListener('click', () =>
        doing('saving', async () => {
            const link = document.createElement('a');
            link.href = URL.createObjectURL(new Blob([run.network.save(button.dataset.save)]));
            link.download = button.dataset.save;
            link.click();
            URL.revokeObjectURL(link.href);
        }),
    );
}

/** Opens a table or a model. */
async function take(file) {
    wanted = false;
    while (busy) await frame();
    await doing('reading', async () => {
        const bytes = new Uint8Array(await file.arrayBuffer());
        if (/\.(csv|tsv|txt)$/i.test(file.name)) {
            await takeTable(file.name, bytes);
        } else {
            const network = Network.load(device, file.name, bytes);
            await takeModel(file.name, network);
        }
    });
}

async function takeTable(name, bytes) {
    const read = new Table(bytes);
    const last = read.classes ? 'softmax' : 'identity';
    const [rows, targets] = read.trainData;
    table = { last, data: null, settings: { hidden: '16', activation: 'relu', loss: read.classes ? 'categorical_cross_entropy' : 'mean_squared_error', optimizer: 'adam', rate: '0.01', init: 'he_uniform', seed: '0', epochs: '200', batch: '32' } };
    table.data = { rows, targets, test: read.testData, inputs: read.inputs, outputs: read.outputs, classes: read.classes, table: read };
    [...form.elements.network.options].find((option) => option.value === 'csv').disabled = false;
    form.elements.network.value = 'csv';
    suit(form, table.settings);
    run = null;
    await begin();
    const learned = read.classes ? `${read.classes.length} classes` : 'numbers';
    find('opened').textContent = `${name}: ${read.rows} rows; it learns “${read.target}” (${learned}) from ${read.inputs} inputs.`;
}

async function takeModel(name, network) {
    const { inputs, layers } = network;
    const outputs = layers.at(-1).units;
    const data = run?.data;
    if (!data || data.inputs !== inputs || data.outputs !== outputs) {
        throw new Error(
            `${name}: expected a model for the chosen data, ${data?.inputs} inputs and ${data?.outputs} outputs, got ${inputs} and ${outputs}; choose other data`,
        );
    }
    form.elements.hidden.value = layers.slice(0, -1).map(({ units }) => units).join(', ');
    const { settings, epochs, slow } = read(form, data, problems[run.chosen]?.last ?? table?.last);
    await watch({ chosen: run.chosen, data, settings, epochs, slow, network, loaded: true });
    find('opened').textContent = `${name}: ${layers.map(({ units }) => units).join('-')}, ${network.parameters} parameters, trained for ${network.epochs} epochs.`;
}

find('file').addEventListener('change', (event) => {
    const [file] = event.target.files;
    event.target.value = '';
    if (file) take(file);
});
addEventListener('dragover', (event) => {
    event.preventDefault();
    document.body.classList.add('dropping');
});
addEventListener('dragleave', () => document.body.classList.remove('dropping'));
addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('dropping');
    const [file] = event.dataTransfer.files;
    if (file) take(file);
});
addEventListener('resize', paint);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);

// For tests, and for whoever is curious in the console.
window.shaderprop = {
    get device() {
        return device;
    },
    get run() {
        return run;
    },
};

const search = new URLSearchParams(location.search);
fill(form, search);
buttons();
try {
    device = await open();
    find('adapter').textContent = `Adapter: ${device.name}.`;
    await doing('beginning', begin);
    if (search.has('run')) form.requestSubmit();
} catch (error) {
    find('adapter').textContent = 'No GPU.';
    tell(error);
}
