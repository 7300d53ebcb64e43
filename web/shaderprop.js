// shaderprop in a browser: networks trained by WebGPU compute shaders. The types and their defaults are in shaderprop.d.ts.

import initialise, * as wasm from './shaderprop_web.js';

let loaded;

/** Opens the browser's GPU. Call this first. */
export async function open() {
    loaded ??= initialise();
    try {
        await loaded;
    } catch (error) {
        // The next call fetches it again.
        loaded = undefined;
        throw new Error(`cannot load shaderprop_web_bg.wasm (${error.message}); put it next to shaderprop_web.js, or try again`);
    }
    if (!navigator.gpu) {
        throw new Error('no WebGPU: open the page over https or on localhost, in a current Chrome, Edge, Safari or Firefox');
    }
    const asked = await navigator.gpu.requestAdapter();
    if (!asked) {
        throw new Error('no GPU adapter: update the GPU driver, or allow hardware acceleration in the settings');
    }
    const { vendor, architecture, device, description } = asked.info;
    const name = description || [vendor, architecture || device].filter(Boolean).join(' ') || 'an adapter without a name';
    return new Device(await wasm.Device.open(), name);
}

/** A GPU, opened. */
export class Device {
    constructor(inner, name) {
        this.inner = inner;
        this.name = name;
    }

    /** Destroys the device. */
    destroy() {
        this.inner.destroy();
    }
}

/** An object of the module. It takes one call at a time. After the device is lost, errors report the loss. */
class Held {
    #what;
    #inner;
    #device;
    #busy = null;

    constructor(what, inner, device) {
        this.#what = what;
        this.#inner = inner;
        this.#device = device;
    }

    idle() {
        if (!this.#inner) {
            throw new Error(`${this.#what} was freed; make another`);
        }
        if (this.#busy) {
            throw new Error(`${this.#what} is ${this.#busy}; wait for that, or stop it from onLog`);
        }
        return this.#inner;
    }

    async alone(doing, work) {
        const inner = this.idle();
        this.#busy = doing;
        try {
            return await work(inner);
        } catch (error) {
            throw await cause(this.#device, error);
        } finally {
            this.#busy = null;
        }
    }

    free() {
        this.idle().free();
        this.#inner = null;
    }
}

/** A network with weights on a device. */
export class Network {
    #held;
    #device;
    #epochs;

    constructor(device, description, table) {
        const inner = description instanceof wasm.Network ? description : made(device, text('description', description), table);
        this.#held = new Held('the network', inner, device);
        this.#device = device;
        const { epochs, ...rest } = JSON.parse(inner.describe());
        Object.assign(this, rest);
        this.#epochs = epochs;
    }

    /** How many epochs it has been trained for. */
    get epochs() {
        return this.#epochs;
    }

    /** Trains; resolves to the history. Another call continues where this one stopped. */
    fit(inputs, targets, options = {}) {
        return this.#held.alone('training', async (inner) => {
            const { onLog, validationData, ...settings } = options ?? {};
            if (onLog && typeof onLog !== 'function') {
                throw wrong('onLog', 'a function', kind(onLog), 'give one');
            }
            if (onLog && settings.logEvery === undefined && settings.logInterval === undefined) {
                settings.logEvery = 1;
            }
            if (validationData && validationData.length !== 2) {
                throw wrong('validationData', '[inputs, targets]', `${validationData.length} parts`, 'give both');
            }
            const validation = validationData && [this.#inputs(validationData[0]), this.#targets(validationData[1])];
            try {
                return await inner.fit(this.#inputs(inputs), this.#targets(targets), text('settings', settings), validation, onLog);
            } finally {
                this.#epochs = JSON.parse(inner.describe()).epochs;
            }
        });
    }

    /** The outputs for the rows, one after the other. */
    predict(inputs) {
        return this.#held.alone('predicting', async (inner) => await inner.predict(this.#inputs(inputs)));
    }

    /** The predictions for a CSV table's raw rows, for a model made for a table. */
    predictTable(csv) {
        return this.#held.alone('predicting', async (inner) => await inner.predict_table(bytes('the table', csv)));
    }

    /** Loss, accuracy and confusion matrix on the rows. */
    evaluate(inputs, targets, loss = 'mean_squared_error') {
        return this.#held.alone('evaluating', async (inner) => await inner.evaluate(this.#inputs(inputs), this.#targets(targets), String(loss)));
    }

    /** The stages of one epoch from here, counted from 1, with WGSL and numbers. */
    explain(inputs, targets, settings = {}, epoch = 1) {
        return this.#held.alone('explaining', async (inner) => {
            const number = whole('the epoch', epoch);
            return await inner.explain(this.#inputs(inputs), this.#targets(targets), text('settings', settings), number);
        });
    }

    /** The model as a file's bytes: .safetensors, .npz, .onnx, .json or .c. */
    save(name) {
        return this.#held.idle().save(String(name));
    }

    /** A model from a file's bytes: .safetensors or .npz. */
    static load(device, name, content) {
        return new Network(device, wasm.Network.load(device.inner, String(name), bytes(String(name), content)));
    }

    /** All weights and biases. */
    weights() {
        return this.#held.idle().weights();
    }

    /** Sets these weights and biases; others stay. */
    setWeights(weights) {
        this.#held.idle().set_weights(tensors(weights));
    }

    /** Predicts the same rows repeatedly while this network trains, with the weights of its logs. */
    predictor(inputs) {
        return this.#held.alone('preparing', async (inner) => new Predictor(await wasm.Predictor.of(inner, this.#inputs(inputs)), this.#device));
    }

    /** The table with this network's own scales and categories. */
    table(table) {
        return new Table(table.inner.for_network(this.#held.idle()));
    }

    /** Frees its memory now instead of at garbage collection. */
    free() {
        this.#held.free();
    }

    #inputs(rows) {
        return numbers('inputs', rows, [this.inputs]);
    }

    /** A number for each output, or one class per row. */
    #targets(rows) {
        return numbers('targets', rows, [this.layers.at(-1).units, 1]);
    }
}

/** Rows that stay on the device, to predict with changing weights. */
export class Predictor {
    #held;

    constructor(inner, device) {
        this.#held = new Held('the predictor', inner, device);
    }

    /** The outputs with those weights. */
    predict(weights) {
        return this.#held.alone('predicting', async (inner) => await inner.predict(tensors(weights)));
    }

    /** Each layer's outputs with those weights. */
    activations(weights) {
        return this.#held.alone('predicting', async (inner) => await inner.activations(tensors(weights)));
    }

    /** Frees its memory now instead of at garbage collection. */
    free() {
        this.#held.free();
    }
}

/** A CSV table as numbers, split into training and held-out rows. */
export class Table {
    constructor(csv, { target, classes, heldOut = 0.2, seed = 0 } = {}) {
        if (typeof heldOut !== 'number' || !(heldOut >= 0 && heldOut < 1)) {
            throw wrong('heldOut', 'a share from 0 to below 1', kind(heldOut), 'change it');
        }
        const read = () => wasm.Table.read(bytes('the table', csv), target, classes, heldOut, whole('the seed', seed));
        const inner = csv instanceof wasm.Table ? csv : read();
        this.inner = inner;
        Object.assign(this, JSON.parse(inner.describe()));
        this.trainData = [inner.inputs(), inner.targets()];
        const test = inner.test_inputs();
        this.testData = test ? [test, inner.test_targets()] : null;
    }
}

/** Trains a network from many starts at once; resolves to their final losses. */
export async function sweep(device, description, networks, inputs, targets, settings = {}) {
    if (!Number.isInteger(networks) || networks < 1 || networks > MOST_NETWORKS) {
        throw wrong('networks', `a whole number from 1 to ${MOST_NETWORKS}`, networks, 'change it');
    }
    const [ins, outs] = [description?.inputs, description?.layers?.at?.(-1)?.units];
    const rows = [numbers('inputs', inputs, [ins]), numbers('targets', targets, [outs, 1])];
    try {
        return await wasm.sweep(device.inner, text('description', description), networks, ...rows, text('settings', settings));
    } catch (error) {
        throw await cause(device, error);
    }
}

const made = (device, json, table) =>
    table ? wasm.Network.for_table(device.inner, json, table.inner) : new wasm.Network(device.inner, json);

/** The maximum number of networks that fit in a tab's memory. */
const MOST_NETWORKS = 1_000_000;

/** An error with a message of one sentence. */
const wrong = (what, expected, got, advice) => new Error(`${what}: expected ${expected}, got ${got}; ${advice}`);

/** The cause of an error: a call may fail before the loss of its device is known. */
async function cause(device, error) {
    await new Promise((resolve) => setTimeout(resolve, error?.needsNewDevice ? 0 : 100));
    return device.inner.fault() ?? error;
}

/** A value's description for messages. */
function kind(value) {
    if (value === null || value === undefined) return String(value);
    return typeof value === 'object' ? `a ${value.constructor?.name ?? 'object'}` : `the ${typeof value} ${JSON.stringify(value)}`;
}

/** An object as JSON, which cannot express NaN and infinities. */
function text(what, object) {
    if (object === null || typeof object !== 'object') {
        throw wrong(what, 'an object', kind(object), 'see shaderprop.d.ts');
    }
    return JSON.stringify(object, (key, value) => {
        if (typeof value === 'number' && !Number.isFinite(value)) {
            throw wrong(`${what}, ${key}`, 'a finite number', value, 'change it');
        }
        return value;
    });
}

/** A whole number. */
function whole(what, value) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
        throw wrong(what, 'a whole number from 0 to 4294967295', kind(value), 'change it');
    }
    return value;
}

/** The bytes of a file. */
function bytes(what, content) {
    if (content instanceof Uint8Array) return content;
    if (content instanceof ArrayBuffer) return new Uint8Array(content);
    throw wrong(what, 'its bytes, a Uint8Array or an ArrayBuffer', kind(content), 'give new TextEncoder().encode(…) of a string');
}

/** Rows for the module, one after the other; each row has one of the widths. */
function numbers(what, rows, widths) {
    const known = widths.filter(Number.isInteger);
    const width = known.join(' or ');
    let values = rows;
    if (Array.isArray(rows) && rows.length > 0 && typeof rows[0] === 'object') {
        const columns = rows[0]?.length;
        if (known.length > 0 && !known.includes(columns)) {
            throw wrong(what, `rows of ${width} numbers`, columns ?? kind(rows[0]), 'give as many as the network has');
        }
        values = new Float32Array(rows.length * columns);
        rows.forEach((row, i) => {
            if (row?.length !== columns) {
                throw wrong(`${what}, row ${i}`, `${columns} numbers, as the first row has`, row?.length ?? kind(row), 'make the rows alike');
            }
            for (let j = 0; j < columns; j++) {
                values[i * columns + j] = number(`${what}, row ${i}, column ${j}`, row[j]);
            }
        });
    } else if (Array.isArray(rows)) {
        values = Float32Array.from(rows, (value, i) => number(`${what}, number ${i}`, value));
    } else if (ArrayBuffer.isView(rows) && typeof rows[0] !== 'bigint' && !(rows instanceof DataView)) {
        values = rows instanceof Float32Array ? rows : Float32Array.from(rows);
    } else {
        throw wrong(what, 'rows of numbers', kind(rows), 'give a list of rows, or a typed array');
    }
    if (known.length > 0 && !known.some((columns) => values.length % columns === 0)) {
        throw wrong(what, `rows of ${width} numbers`, `${values.length} numbers`, 'give as many as rows times columns');
    }
    return values;
}

function number(what, value) {
    if (typeof value !== 'number') {
        throw wrong(what, 'a number', kind(value), 'clean the data');
    }
    return value;
}

/** Tensors as weights() gives them. */
function tensors(weights) {
    const count = (n) => Number.isInteger(n) && n >= 0;
    const tensor = (it) => typeof it?.name === 'string' && Array.isArray(it.shape) && it.shape.every(count) && it.values instanceof Float32Array;
    if (!Array.isArray(weights) || !weights.every(tensor)) {
        const got = Array.isArray(weights) ? 'a list with something else in it' : kind(weights);
        throw wrong('weights', 'a list of tensors, each with name, shape and values as a Float32Array', got, 'take those of weights(), or of a log with logWeights');
    }
    return weights;
}
