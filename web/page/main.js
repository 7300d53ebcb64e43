// The page: what is chosen, trained and shown.

import { Network, Table, open, sweep } from './shaderprop.js';
import { problems } from './data.js';
import { Field } from './digits.js';
import { drawBoundary, drawCurve, drawMatrix, drawStarts, largest } from './pictures.js';
import { fill, offer, read, remember, suit } from './settings.js';
import { digits, show } from './stages.js';

const find = (id) => document.getElementById(id);
const form = find('settings');
const count = (number) => number.toLocaleString('en');

/** The points of the plane that are predicted: so many in each direction. */
const SIDE = 64;

/** Milliseconds between two looks at a training. */
const LOOK = 60;

/** The starts that are trained at once; between them somebody may stop it. */
const AT_ONCE = 1024;

let device;
/** What is trained: the data, the network, and all that was seen of it. */
let run;
/** The table that was dropped. */
let table = null;
/** What the page is busy with; it ends as soon as it can once it is not `wanted` any more. */
let busy = null;
let wanted = false;
/** Whether training begins again by itself, on another device; and how often it may. */
let again = false;
let recoveries = 3;

const idle = 'Train, then draw: with the pointer, or with arrow keys (shift draws) and space.';
const says = { beginning: '', training: 'Training …', explaining: 'Training up to that epoch …', sweeping: 'Training them …', saving: '', predicting: '', reading: 'Reading …' };

/** Says what went wrong, in the page. */
function tell(error) {
    find('problem').textContent = error instanceof Error ? error.message : String(error);
    find('problem').hidden = false;
    find('problem').scrollIntoView({ block: 'nearest' });
}

/** Says how it stands. */
const say = (text) => (find('status').textContent = text);

/** Does something that may go wrong; one thing at a time. */
async function doing(what, work) {
    // What is on the device is in the page too, and can be saved without it.
    if (busy || (!device && what !== 'saving')) return;
    [busy, wanted] = [what, true];
    const focused = document.activeElement;
    // What was said of a lost device stands while training goes on.
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
        // A button that is disabled loses the keyboard's focus.
        if (document.activeElement === document.body && focused?.isConnected) focused.focus({ preventScroll: true });
        again &&= wanted;
        if (again) start(true);
    }
}

/** Does something instead of what the page is busy with. */
async function instead(what, work) {
    wanted = false;
    while (busy) await frame();
    await doing(what, work);
}

function buttons() {
    const stoppable = ['training', 'explaining', 'sweeping'].includes(busy);
    find('train').textContent = !run?.losses.length ? 'Train' : run.loaded ? 'Go on' : run.finished || !same() ? 'Train anew' : 'Go on';
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

/** A new device instead of a lost one; training goes on from what was seen last. */
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
        // The network as it is, which need not be the form's, on the other device.
        const other = Network.load(device, 'model.safetensors', network.save('model.safetensors'));
        if (weights) other.setWeights(weights);
        // The losses between two looks went with the device.
        const unknown = new Array(Math.max(0, (seen ?? 0) - losses.length)).fill(NaN);
        await watch({ ...run, network: other, losses: [...losses, ...unknown] });
    } else {
        await begin();
    }
    again = Boolean(run?.going) && wanted && recoveries-- > 0;
    const rest = again ? 'training goes on from the last weights that were seen' : 'it has the last weights that were seen; press the button again';
    tell(`${error.message}. Another one was opened: ${run?.weights ? rest : 'press the button again'}.`);
}

/** The chosen network, not trained yet. */
async function begin() {
    const name = form.elements.network.value;
    const problem = problems[name] ?? { load: () => table.data, last: table.last };
    const data = await problem.load();
    const settings = read(form, data, problem.last);
    const network = new Network(device, settings.description, data.table);
    await watch({ chosen: name, data, last: problem.last, network, ...settings });
}

/** Shows a network from its first look on, or again where it has losses. */
async function watch({ data, network, losses = [], points = [], ...rest }) {
    const before = run;
    const next = { finished: false, going: false, from: 0, ...rest, data, network, losses, points, plane: null };
    if (data.inputs === 2 && data.outputs === 1 && Array.isArray(data.rows)) {
        next.bounds = bounds(data.rows);
        next.plane = await network.predictor(grid(next.bounds));
    }
    next.sample = await network.predictor(firstRows(data));
    run = next;
    // The memory on the device is not left to the garbage collector.
    for (const old of [before?.plane, before?.sample, before?.network]) {
        if (old !== network) old?.free();
    }
    find('boundary-section').hidden = !next.plane;
    find('draw-section').hidden = data.inputs !== 64 || data.outputs !== 10;
    find('accuracy-box').hidden = !data.test;
    find('accuracy-name').textContent = data.outputs > 1 ? 'Right, of rows held out' : 'Loss, of rows held out';
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
        // A network that is being made has not been looked at yet.
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
    const within = (values) => (values.every(Number.isFinite) ? `within ±${largest(values).toPrecision(3)}` : 'some are no numbers: grey');
    const weights = run.weights.filter(({ shape }) => shape.length === 2);
    weights.forEach(({ name, shape: [ins, outs], values }, layer) => {
        if (layer === 0 && ins === 64 && run.data.inputs === 64) {
            // Each unit's weights are a picture, of the pixels that it looks for.
            pictures.push([`${name}: ${outs} units of 8 × 8`, 8 * Math.ceil(outs / 8), 64, unitPictures(values, outs)]);
        } else {
            pictures.push([`${name} (${ins} × ${outs}), ${within(values)}`, ins, outs, values]);
        }
        const outputs = run.activations[layer];
        if (outputs) {
            pictures.push([`layers.${layer}.output of ${outputs.length / outs} rows, ${within(outputs)}`, outputs.length / outs, outs, outputs]);
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
        // What diverged is over; it has its last good weights, and nobody knows which losses.
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
    // Now that all losses are known, the curve need not be drawn through those that were looked at.
    current.points = current.losses.map((loss, i) => [i + 1, loss]).filter(([, loss]) => !Number.isNaN(loss));
    tabulate();
    await look(network.weights());
    if (data.test) {
        const { accuracy, loss } = await network.evaluate(...data.test, settings.loss);
        find('accuracy').textContent = data.outputs > 1 ? `${(100 * accuracy).toFixed(2)} %` : digits(loss);
    }
    say(`${current.finished ? 'Trained' : 'Paused after'} ${count(done)} epochs: a loss of ${digits(current.losses[done - 1])}.`);
    if (!find('draw-section').hidden) await recognise();
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

/** Whether the form describes the network that there is; a half-written form says nothing. */
function same() {
    try {
        return JSON.stringify(read(form, run.data, run.last).description) === JSON.stringify(run.description);
    } catch {
        return true;
    }
}

/** Makes the network that the form describes, unless it is there already, and takes the settings. */
async function ready(anew) {
    if (!run || (!run.loaded && (anew || !same()))) return begin();
    const { settings, epochs, slow } = read(form, run.data, run.last);
    // What came out of a file and has come to its end goes on for as many epochs again.
    const from = run.loaded && run.finished ? run.losses.length : run.from;
    Object.assign(run, { settings, slow, from, epochs: from + epochs, finished: false });
}

/** Trains what the form describes; or what there is, after a loss. */
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
            // What is shown is still the data from before.
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

/** What the form describes: to be looked at, or trained from many starts. */
function described() {
    if (run.loaded) throw new Error('the network: expected one that begins here, got one out of a file; press Reset first');
    return { ...read(form, run.data, run.last), data: run.data };
}

find('explain').addEventListener('submit', (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    doing('explaining', async () => {
        const epoch = Number(event.target.elements.epoch.value);
        const { data, description, settings, epochs } = described();
        if (epoch > epochs) throw new Error(`the epoch to show: expected one from 1 to ${epochs}, got ${epoch}; change it, or the epochs`);
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
                `Each square is a start: orange is a loss near 0, blue one of 0.25 or more${diverged ? `, grey one of ${count(diverged)} that diverged` : ''}.`;
        } catch (error) {
            result.textContent = '';
            throw error;
        }
    });
});

const field = new Field(find('draw'), () => {
    if (busy === 'training') find('recognised').textContent = 'It is recognised as soon as training pauses.';
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

/** Opens tables and models, one after the other. */
async function take(files) {
    if (!device) return tell('opening a file: expected a GPU to put it on, got none; reload the page');
    for (const file of files) {
        await instead('reading', async () => {
            const ending = file.name.match(/\.([^.]+)$/)?.[1].toLowerCase();
            const opens = { csv: takeTable, tsv: takeTable, txt: takeTable, safetensors: takeModel, npz: takeModel };
            if (!opens[ending]) {
                throw new Error(`${file.name}: expected a table (.csv, .tsv, .txt) or a model (.safetensors, .npz), got another ending; open one of these`);
            }
            await opens[ending](file.name, new Uint8Array(await file.arrayBuffer()));
        });
    }
}

const tableSettings = { hidden: '16', activation: 'relu', optimizer: 'adam', rate: '0.01', init: 'he_uniform', seed: '0', epochs: '200', batch: '32', pace: 'full' };

async function takeTable(name, bytes) {
    // Of a handful of rows none can be spared.
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
        `${name}: ${count(read.rows)} rows; it learns “${read.target}” (${learned}) from ${named} (${read.inputs} inputs). ` +
        `The columns’ names are the first row${few ? '; no rows are held out' : ''}.`;
}

/** A table as data: what is held out is measured. */
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
            const [expected, got] = target === null ? ['made for a table', 'without one'] : ['for the chosen data', `for a table whose column “${target}” it learned`];
            throw new Error(`${name}: expected a model ${expected}, got one ${got}; ${target === null ? 'choose other data' : 'open its CSV file'} first`);
        }
        // Its rows are scaled as those were that the model was made for.
        data = dataOf(network.table(table.source));
    }
    if (data.inputs !== inputs || data.outputs !== outputs) {
        const of = (inputs, outputs) => `${inputs} inputs and ${outputs} outputs`;
        throw new Error(`${name}: expected a model for the chosen data, ${of(data.inputs, data.outputs)}, got ${of(inputs, outputs)}; choose other data first`);
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
// A module that ends in the middle of a call leaves a promise that is never kept.
addEventListener('error', ({ error }) => {
    if (error instanceof WebAssembly.RuntimeError) tell(`the module: expected it to run, got ${error.message}; reload the page, and try a smaller network`);
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
