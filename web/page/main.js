// The page: settings, training and pictures.

import { Network, Table, open, sweep } from './shaderprop.js';
import { problems } from './data.js';
import { Field } from './digits.js';
import { drawBoundary, drawCurve, drawMatrix, drawStarts, largest } from './pictures.js';
import { fill, offer, read, remember, suit } from './settings.js';
import { digits, show } from './stages.js';

const find = (id) => document.getElementById(id);
const form = find('settings');
const count = (number) => number.toLocaleString('en');

/** The number of points that are predicted in each direction of the plane. */
const SIDE = 64;

/** Milliseconds between two updates of the page. */
const LOOK = 60;

/** The number of starts that are trained at once. The sweep can be stopped between two groups of them. */
const AT_ONCE = 1024;

let device;
/** The current run: data, network, losses and weights. */
let run;
/** The opened table. */
let table = null;
/** The current work; it stops soon after `wanted` becomes false. */
let busy = null;
let wanted = false;
/** Whether to resume on a new device, and how many more times this may happen. */
let again = false;
let recoveries = 3;

const idle = 'Train, then draw with the pointer, or with the arrow keys (Shift draws) and the space bar.';
const says = { beginning: '', training: 'Training …', explaining: 'Training up to that epoch …', sweeping: 'Training …', saving: '', predicting: '', reading: 'Reading …' };

/** Shows an error in the page. */
function tell(error) {
    find('problem').textContent = error instanceof Error ? error.message : String(error);
    find('problem').hidden = false;
    find('problem').scrollIntoView({ block: 'nearest' });
}

/** Shows the status. */
const say = (text) => (find('status').textContent = text);

/** Runs work that may fail, one at a time. */
async function doing(what, work) {
    // Saving needs no device.
    if (busy || (!device && what !== 'saving')) return;
    [busy, wanted] = [what, true];
    const focused = document.activeElement;
    // The message about a lost device stays while training continues.
    find('problem').hidden = !again;
    again = false;
    say(says[what]);
    buttons();
    try {
        await work();
        if (find('status').textContent === says[what]) say('');
    } catch (error) {
        say('');
        await (error?.needsNewDevice ? recover(error).catch(tell) : tell(error));
    } finally {
        busy = null;
        buttons();
        // A disabled button loses the focus.
        if (document.activeElement === document.body && focused?.isConnected) focused.focus({ preventScroll: true });
        again &&= wanted;
        if (again) start(true);
    }
}

/** Stops the current work, then runs other work. */
async function instead(what, work) {
    wanted = false;
    while (busy) await frame();
    await doing(what, work);
}

function buttons() {
    const stoppable = ['training', 'explaining', 'sweeping'].includes(busy);
    find('train').textContent = !run?.losses.length ? 'Train' : run.loaded ? 'Continue' : run.finished || !same() ? 'Train again' : 'Continue';
    find('train').disabled = !device || busy !== null;
    find('pause').disabled = !stoppable;
    find('pause').textContent = busy === 'explaining' || busy === 'sweeping' ? 'Stop' : 'Pause';
    for (const button of document.querySelectorAll('#step, #explain button, #starts button')) {
        button.disabled = !device || !run || busy !== null;
    }
    for (const button of document.querySelectorAll('[data-save]')) {
        button.disabled = !run || busy !== null;
    }
    find('file').disabled = !device;
    form.elements.network.disabled = !device;
    find('reset').disabled = !device || (busy !== null && !stoppable);
}

/** Opens a new device; training resumes from the last known weights. */
async function recover(error) {
    device = null;
    buttons();
    try {
        device = await open();
    } catch (other) {
        throw new Error(`${other.message} (${error.message}); reload the page to try again`);
    }
    if (run) {
        const { network, weights, losses, seen } = run;
        // The network as it is, whatever the form says.
        const other = Network.load(device, 'model.safetensors', network.save('model.safetensors'));
        if (weights) other.setWeights(weights);
        // The losses since the last log are lost.
        const unknown = new Array(Math.max(0, (seen ?? 0) - losses.length)).fill(NaN);
        await watch({ ...run, network: other, losses: [...losses, ...unknown] });
    } else {
        await begin();
    }
    again = Boolean(run?.going) && wanted && recoveries-- > 0;
    const rest = again ? 'training continues from the last known weights' : 'the network has its last known weights; press the button again';
    tell(`${error.message}. A new device was opened: ${run?.weights ? rest : 'press the button again'}.`);
}

/** Makes the chosen network. */
async function begin() {
    const name = form.elements.network.value;
    const problem = problems[name] ?? { load: () => table.data, last: table.last };
    const data = await problem.load();
    const settings = read(form, data, problem.last);
    const network = new Network(device, settings.description, data.table);
    await watch({ chosen: name, data, last: problem.last, network, ...settings });
}

/** Shows a network, new or with losses. */
async function watch({ data, network, losses = [], points = [], ...rest }) {
    const before = run;
    const next = { finished: false, going: false, from: 0, ...rest, data, network, losses, points, plane: null };
    if (data.inputs === 2 && data.outputs === 1 && Array.isArray(data.rows)) {
        next.bounds = bounds(data.rows);
        next.plane = await network.predictor(grid(next.bounds));
    }
    next.sample = await network.predictor(firstRows(data));
    run = next;
    // Free device memory without waiting for the garbage collector.
    for (const old of [before?.plane, before?.sample, before?.network]) {
        if (old !== network) old?.free();
    }
    find('boundary-section').hidden = !next.plane;
    find('draw-section').hidden = data.inputs !== 64 || data.outputs !== 10;
    find('accuracy-box').hidden = !data.test;
    find('accuracy-name').textContent = data.outputs > 1 ? 'Held-out accuracy' : 'Held-out loss';
    find('starts-section').hidden = !rest.chosen.startsWith('xor');
    find('losses').tBodies[0].replaceChildren();
    for (const id of ['loss', 'speed', 'engine', 'accuracy']) {
        find(id).textContent = '–';
    }
    find('epoch').textContent = count(losses.length);
    if (before?.network !== network && !losses.length) {
        find('stages').replaceChildren();
        for (const id of ['explained', 'starts-result', 'opened']) find(id).textContent = '';
        find('starts-picture').hidden = true;
        find('recognised').textContent = idle;
    }
    await look(network.weights());
}

function bounds(rows) {
    const all = rows.flat();
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const margin = 0.15 * (high - low);
    return { low: low - margin, high: high + margin };
}

/** The plane's points, row by row from the top. */
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

/** Predicts with those weights, and shows everything. */
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

/** Draws at the next frame. */
function paint() {
    if (painted) return;
    painted = requestAnimationFrame(() => {
        painted = 0;
        // A new network has no predictions yet.
        if (!run?.activations) return;
        drawCurve(find('curve'), run.points, Math.max(run.epochs ?? 1, run.losses.length));
        if (run.plane && run.values) {
            drawBoundary(find('boundary'), { side: SIDE, bounds: run.bounds, values: run.values }, run.data);
        }
        drawLayers();
    });
}

function drawLayers() {
    const pictures = [];
    const within = (values) => (values.every(Number.isFinite) ? `within ±${largest(values).toPrecision(3)}` : 'grey: not finite');
    const weights = run.weights.filter(({ shape }) => shape.length === 2);
    weights.forEach(({ name, shape: [ins, outs], values }, layer) => {
        if (layer === 0 && ins === 64 && run.data.inputs === 64) {
            // A unit's weights are a picture of the pixels it reacts to.
            pictures.push([`${name}: ${outs} units of 8 × 8`, 8 * Math.ceil(outs / 8), 64, unitPictures(values, outs)]);
        } else {
            pictures.push([`${name} (${ins} × ${outs}), ${within(values)}`, ins, outs, values]);
        }
        const outputs = run.activations[layer];
        if (outputs) {
            pictures.push([`layers.${layer}.output for ${outputs.length / outs} rows, ${within(outputs)}`, outputs.length / outs, outs, outputs]);
        }
    });
    const list = find('layers');
    while (list.children.length > pictures.length) list.lastChild.remove();
    pictures.forEach(([caption, rows, columns, values], i) => {
        const figure = list.children[i] ?? list.appendChild(document.createElement('figure'));
        if (!figure.firstChild) figure.append(document.createElement('canvas'), document.createElement('figcaption'));
        drawMatrix(figure.firstChild, rows, columns, values, largest(values));
        figure.lastChild.textContent = caption;
    });
}

/** A first layer for 8 × 8 pixels: a square for each unit, eight in a line. */
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

/** Trains that many epochs, unless stopped. */
async function train(epochs) {
    const current = run;
    const { data, network, settings, slow } = current;
    const before = current.losses.length;
    const began = performance.now();
    const pace = slow ? { logEvery: Math.max(1, Math.ceil(current.epochs / 300)) } : { logInterval: LOOK };
    const onLog = async (log) => {
        current.points.push([before + log.epoch, log.loss]);
        current.seen = before + log.epoch;
        find('epoch').textContent = count(before + log.epoch);
        find('loss').textContent = digits(log.loss);
        find('speed').textContent = count(Math.round((1000 * log.epoch) / (performance.now() - began)));
        await look(log.weights);
        if (slow) await frame();
        return wanted;
    };
    const history = await network.fit(data.rows, data.targets, { ...settings, epochs, ...pace, logWeights: true, onLog }).catch(async (error) => {
        if (error.needsNewDevice) throw error;
        // A diverged run has ended, with its last good weights and unknown losses.
        Object.assign(current, { finished: true, going: false });
        current.losses.push(...new Array(Math.max(0, (current.seen ?? 0) - before)).fill(NaN));
        await look(network.weights());
        throw error;
    });
    current.going = false;
    for (const loss of history.loss) current.losses.push(loss);
    const done = current.losses.length;
    current.finished = done >= current.epochs;
    find('engine').textContent = history.engine;
    find('epoch').textContent = count(done);
    find('loss').textContent = digits(current.losses[done - 1]);
    // Now the curve can show all losses.
    current.points = current.losses.map((loss, i) => [i + 1, loss]).filter(([, loss]) => !Number.isNaN(loss));
    tabulate();
    await look(network.weights());
    if (data.test) {
        const { accuracy, loss } = await network.evaluate(...data.test, settings.loss);
        find('accuracy').textContent = data.outputs > 1 ? `${(100 * accuracy).toFixed(2)} %` : digits(loss);
    }
    say(`${current.finished ? 'Trained' : 'Paused after'} ${count(done)} epochs: loss ${digits(current.losses[done - 1])}.`);
    if (!find('draw-section').hidden) await recognise();
}

/** Ten losses, like the tutorials. */
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

/** Whether the form, if valid, describes the current network. */
function same() {
    try {
        return JSON.stringify(read(form, run.data, run.last).description) === JSON.stringify(run.description);
    } catch {
        return true;
    }
}

/** Makes the form's network if it is new, and applies the settings. */
async function ready(anew) {
    if (!run || (!run.loaded && (anew || !same()))) return begin();
    const { settings, epochs, slow } = read(form, run.data, run.last);
    // A finished network from a file trains for as many epochs again.
    const from = run.loaded && run.finished ? run.losses.length : run.from;
    Object.assign(run, { settings, slow, from, epochs: from + epochs, finished: false });
}

/** Trains the form's network; after a lost device, the current one. */
const start = (recovered = false) =>
    doing('training', async () => {
        remember(form);
        if (!recovered) await ready(run?.finished);
        if (!wanted) return;
        run.going = true;
        await train(Math.max(1, run.epochs - run.losses.length));
    });

form.addEventListener('submit', (event) => {
    event.preventDefault();
    start();
});
find('pause').addEventListener('click', () => (wanted = false));
find('step').addEventListener('click', () => {
    if (!form.reportValidity()) return;
    doing('training', async () => {
        await ready(false);
        await train(1);
    });
});
find('reset').addEventListener('click', () => {
    if (!form.reportValidity()) return;
    instead('beginning', async () => {
        remember(form);
        await begin();
    });
});
form.elements.network.addEventListener('change', () => {
    const network = form.elements.network.value;
    suit(form, problems[network] ?? table);
    instead('beginning', async () => {
        try {
            await begin();
        } catch (error) {
            // The old data is still shown.
            if (run) {
                form.elements.network.value = run.chosen;
                suit(form, problems[run.chosen] ?? table);
            }
            throw error;
        } finally {
            remember(form);
        }
    });
});
form.addEventListener('change', () => remember(form));
form.addEventListener('input', buttons);

/** The form's network, to explain or to sweep. */
function described() {
    if (run.loaded) throw new Error('this network comes from a file; press Reset first');
    return { ...read(form, run.data, run.last), data: run.data };
}

find('explain').addEventListener('submit', (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    doing('explaining', async () => {
        const epoch = Number(event.target.elements.epoch.value);
        const { data, description, settings, epochs } = described();
        if (epoch > epochs) throw new Error(`the epoch to show: expected 1 to ${epochs}, got ${epoch}`);
        const fresh = new Network(device, description, data.table);
        find('explained').textContent = '';
        try {
            if (epoch > 1) {
                const onLog = ({ epoch: done }) => {
                    find('explained').textContent = `Training up to epoch ${count(epoch)}: ${count(done)} …`;
                    return wanted;
                };
                await fresh.fit(data.rows, data.targets, { ...settings, epochs: epoch - 1, logInterval: LOOK, onLog });
            }
            if (!wanted) return (find('explained').textContent = 'Stopped.');
            const stages = await fresh.explain(data.rows, data.targets, { ...settings, epochs: 1 }, 1);
            show(find('stages'), stages);
            find('explained').textContent = `Epoch ${count(epoch)}: ${stages.length} stages.`;
        } catch (error) {
            find('explained').textContent = '';
            throw error;
        } finally {
            fresh.free();
        }
    });
});

find('starts').addEventListener('submit', (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    doing('sweeping', async () => {
        const starts = Number(event.target.elements.count.value);
        const result = find('starts-result');
        try {
            const { data, description, settings, epochs } = described();
            const began = performance.now();
            const losses = [];
            while (wanted && losses.length < starts) {
                result.textContent = `Training: ${count(losses.length)} of ${count(starts)} …`;
                const from = { ...description, seed: (description.seed + losses.length) % 2 ** 32 };
                losses.push(...(await sweep(device, from, Math.min(AT_ONCE, starts - losses.length), data.rows, data.targets, { ...settings, epochs })));
                drawStarts(find('starts-picture'), losses);
                await frame();
            }
            const seconds = (performance.now() - began) / 1000;
            const solved = losses.filter((loss) => loss < 0.05).length;
            const diverged = losses.filter((loss) => !Number.isFinite(loss)).length;
            result.textContent =
                `${count(solved)} of ${count(losses.length)} starts solve XOR (a loss below 0.05 after ${count(epochs)} epochs), in ${seconds.toFixed(2)} s. ` +
                `Each square is a start: orange for a loss near 0, blue for 0.25 or more${diverged ? `, grey for the ${count(diverged)} that diverged` : ''}.`;
        } catch (error) {
            result.textContent = '';
            throw error;
        }
    });
});

const field = new Field(find('draw'), () => {
    if (busy === 'training') find('recognised').textContent = 'It is recognised once training pauses.';
    doing('predicting', recognise);
});
find('clear').addEventListener('click', () => {
    field.clear();
    find('recognised').textContent = idle;
});

async function recognise() {
    if (field.empty) return;
    const shares = await run.network.predict(field.pixels());
    const ranked = [...shares.keys()].sort((a, b) => shares[b] - shares[a]);
    const percent = (i) => `${(100 * shares[i]).toFixed(1)} %`;
    find('recognised').textContent = `It is a ${ranked[0]} (${percent(ranked[0])}), or a ${ranked[1]} (${percent(ranked[1])}).`;
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

/** Opens tables and models, one after the other. */
async function take(files) {
    if (!device) return tell('opening a file needs a GPU; reload the page');
    for (const file of files) {
        await instead('reading', async () => {
            const ending = file.name.match(/\.([^.]+)$/)?.[1].toLowerCase();
            const opens = { csv: takeTable, tsv: takeTable, txt: takeTable, safetensors: takeModel, npz: takeModel };
            if (!opens[ending]) {
                throw new Error(`${file.name}: not a table (.csv, .tsv, .txt) or a model (.safetensors, .npz)`);
            }
            await opens[ending](file.name, new Uint8Array(await file.arrayBuffer()));
        });
    }
}

const tableSettings = { hidden: '16', activation: 'relu', optimizer: 'adam', rate: '0.01', init: 'he_uniform', seed: '0', epochs: '200', batch: '32', pace: 'full' };

async function takeTable(name, bytes) {
    // With few rows, none are held out.
    const few = bytes.filter((byte) => byte === 10).length < 10;
    const read = new Table(bytes, few ? { heldOut: 0 } : {});
    const loss = read.classes ? 'categorical_cross_entropy' : 'mean_squared_error';
    table = { source: read, last: read.classes ? 'softmax' : 'identity', settings: { ...tableSettings, loss } };
    table.data = dataOf(read);
    [...form.elements.network.options].find((option) => option.value === 'csv').disabled = false;
    form.elements.network.value = 'csv';
    suit(form, table);
    remember(form);
    await begin();
    const learned = read.classes ? `${read.classes.length} classes` : 'numbers';
    const others = read.columns.filter((column) => column !== read.target);
    const named = others.slice(0, 6).join(', ') + (others.length > 6 ? `, and ${others.length - 6} more` : '');
    find('opened').textContent =
        `${name}: ${count(read.rows)} rows; target “${read.target}” (${learned}) from ${named} (${read.inputs} inputs). ` +
        `${read.named ? 'The first row names the columns' : 'The columns have no names'}${few ? '; no rows are held out' : ''}.` +
        read.notices.slice(0, 3).map((notice) => ` Notice: ${notice}.`).join('');
}

/** A table as data, with its held-out rows as the test. */
function dataOf(table) {
    const [rows, targets] = table.trainData;
    return { rows, targets, test: table.testData, inputs: table.inputs, outputs: table.outputs, classes: table.classes, table };
}

async function takeModel(name, bytes) {
    const network = Network.load(device, name, bytes);
    const { inputs, layers, target } = network;
    const outputs = layers.at(-1).units;
    if (!run) await begin();
    let { data } = run;
    if (target !== null || data.table) {
        if (!data.table || target === null) {
            const of = target === null ? 'not for a table; choose other data' : `for a table with the target “${target}”; open its CSV file`;
            throw new Error(`${name}: this model is ${of} first`);
        }
        // Scale the rows as the model's own table was.
        data = dataOf(network.table(table.source));
    }
    if (data.inputs !== inputs || data.outputs !== outputs) {
        const of = (inputs, outputs) => `${inputs} inputs and ${outputs} outputs`;
        throw new Error(`${name}: expected ${of(data.inputs, data.outputs)} for this data, got ${of(inputs, outputs)}; choose other data first`);
    }
    form.elements.hidden.value = layers.slice(0, -1).map(({ units }) => units).join(', ');
    if (layers.length > 1) form.elements.activation.value = layers[0].activation;
    const last = layers.at(-1).activation;
    offer(form, last);
    await watch({ chosen: run.chosen, data, last, ...read(form, data, last), description: null, network, loaded: true });
    find('opened').textContent = `${name}: ${layers.map(({ units }) => units).join('-')}, ${count(network.parameters)} parameters, trained for ${count(network.epochs)} epochs.`;
}

find('file').addEventListener('change', (event) => {
    const files = [...event.target.files];
    event.target.value = '';
    take(files);
});
const dropped = (event) => event.dataTransfer?.types.includes('Files');
addEventListener('dragover', (event) => {
    if (!dropped(event)) return;
    event.preventDefault();
    document.body.classList.add('dropping');
});
addEventListener('dragleave', () => document.body.classList.remove('dropping'));
addEventListener('drop', (event) => {
    if (!dropped(event)) return;
    event.preventDefault();
    document.body.classList.remove('dropping');
    take([...event.dataTransfer.files]);
});
// A module that fails inside a call leaves its promise pending.
addEventListener('error', ({ error }) => {
    if (error instanceof WebAssembly.RuntimeError) tell(`the module failed: ${error.message}; reload the page, and try a smaller network`);
});
addEventListener('resize', paint);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);

// For tests and the console.
window.shaderprop = {
    get device() {
        return device;
    },
    get run() {
        return run;
    },
};

const search = new URLSearchParams(location.search);
const missing = fill(form, search);
buttons();
try {
    device = await open();
    find('adapter').textContent = `Adapter: ${device.name}.`;
    await doing('beginning', begin);
    if (missing) tell(missing);
    if (search.has('run') && run && !missing) form.requestSubmit();
} catch (error) {
    find('adapter').textContent = 'No GPU.';
    tell(error);
}
