// shaderprop in a browser: networks trained by WebGPU compute shaders. The types and their defaults are in shaderprop.d.ts.

import initialise, * as wasm from './shaderprop_web.js';

let loaded;

/** Opens the GPU that the browser gives; it is the first thing to call. */
export async function open() {
    loaded ??= initialise();
    await loaded;
    if (!navigator.gpu) {
        throw new Error(
            'no WebGPU: expected navigator.gpu, got none; open the page over https or on localhost, in a current Chrome, Edge, Safari or Firefox',
        );
    }
    const asked = await navigator.gpu.requestAdapter();
    if (!asked) {
        throw new Error(
            'no GPU adapter: expected one from the browser, got none; update the GPU driver, or allow hardware acceleration in the settings',
        );
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

    /** Gives it back to the browser. */
    destroy() {
        this.inner.destroy();
    }
}

/** A network with weights on a device. */
export class Network {
    #inner;
    #busy = null;

    constructor(device, description, table) {
        if (device === null) {
            this.#inner = description;
        } else {
            const json = JSON.stringify(description);
            this.#inner = table ? wasm.Network.for_table(device.inner, json, table.inner) : new wasm.Network(device.inner, json);
        }
        const { inputs, layers, parameters, classes } = JSON.parse(this.#inner.describe());
        Object.assign(this, { inputs, layers, parameters, classes });
    }

    /** How many epochs it has been trained for. */
    get epochs() {
        return JSON.parse(this.#idle().describe()).epochs;
    }

    /** Trains; resolves to the history. Another call goes on where this one stopped. */
    fit(inputs, targets, { onLog, validationData, ...settings } = {}) {
        const validation = validationData ? [numbers(validationData[0]), numbers(validationData[1])] : undefined;
        return this.#alone('training', (inner) =>
            inner.fit(numbers(inputs), numbers(targets), JSON.stringify(settings), validation, onLog).then(JSON.parse),
        );
    }

    /** The outputs for those rows, one after the other. */
    predict(inputs) {
        return this.#alone('predicting', (inner) => inner.predict(numbers(inputs)));
    }

    /** The outputs for the rows of a CSV table, as they are: for a model that was made for a table. */
    predictTable(bytes) {
        return this.#alone('predicting', (inner) => inner.predict_table(bytes));
    }

    /** Loss, accuracy and confusion matrix over those rows. */
    evaluate(inputs, targets, loss) {
        return this.#alone('evaluating', (inner) => inner.evaluate(numbers(inputs), numbers(targets), loss).then(JSON.parse));
    }

    /** The stages of one epoch of a training from here, counted from 1, each with its WGSL and its numbers. */
    explain(inputs, targets, settings, epoch) {
        return this.#alone('explaining', (inner) =>
            inner.explain(numbers(inputs), numbers(targets), JSON.stringify(settings), epoch).then(JSON.parse),
        );
    }

    /** The bytes of a model's file of that name: .safetensors, .npz, .onnx, .json or .c. */
    save(name) {
        return this.#idle().save(name);
    }

    /** A model out of a file's bytes: .safetensors or .npz, from a tab or from a workstation. */
    static load(device, name, bytes) {
        return new Network(null, wasm.Network.load(device.inner, name, bytes));
    }

    /** All weights and biases. */
    weights() {
        return this.#idle().weights();
    }

    /** Sets those weights and biases; the others stay. */
    setWeights(weights) {
        this.#idle().set_weights(weights);
    }

    /** The same rows predicted again and again while this network trains, by the weights of its logs. */
    async predictor(inputs) {
        return new Predictor(await this.#alone('preparing', (inner) => wasm.Predictor.of(inner, numbers(inputs))));
    }

    #idle() {
        if (this.#busy) {
            throw new Error(`the network: expected it to be idle, got it ${this.#busy}; wait for that, or stop it from onLog`);
        }
        return this.#inner;
    }

    async #alone(what, work) {
        const inner = this.#idle();
        this.#busy = what;
        try {
            return await work(inner);
        } catch (error) {
            // A call on a lost device may be refused before the loss is told.
            await new Promise((resolve) => setTimeout(resolve, error?.needsNewDevice ? 0 : 100));
            throw inner.fault() ?? error;
        } finally {
            this.#busy = null;
        }
    }
}

/** Rows that stay on the device, predicted with one set of weights after the other. */
export class Predictor {
    #inner;

    constructor(inner) {
        this.#inner = inner;
    }

    /** The outputs with those weights. */
    predict(weights) {
        return this.#inner.predict(weights);
    }

    /** What each layer gives with those weights. */
    activations(weights) {
        return this.#inner.activations(weights);
    }
}

/** A CSV table as numbers, split into rows to train on and rows that are held out. */
export class Table {
    constructor(bytes, { target, classes, heldOut = 0.2, seed = 0 } = {}) {
        this.inner = wasm.Table.read(bytes, target, classes, heldOut, seed);
        Object.assign(this, JSON.parse(this.inner.describe()));
        this.trainData = [this.inner.inputs(), this.inner.targets()];
        this.testData = heldOut > 0 ? [this.inner.test_inputs(), this.inner.test_targets()] : null;
    }
}

/** Trains a network from many starts at once: resolves to the last loss of each. */
export function sweep(device, description, networks, inputs, targets, settings) {
    return wasm.sweep(
        device.inner,
        JSON.stringify(description),
        networks,
        numbers(inputs),
        numbers(targets),
        JSON.stringify(settings),
    );
}

/** Rows of numbers, or a typed array of all of them, as the module takes them. */
function numbers(rows) {
    return rows instanceof Float32Array ? rows : Float32Array.from(rows.flat());
}
