// The settings: the form, and the page's address, which keeps them.

import { problems } from './data.js';

const choices = {
    activation: ['sigmoid', 'tanh', 'relu', 'leaky_relu', 'elu', 'gelu', 'silu', 'softplus', 'identity'],
    loss: ['squared_error', 'mean_squared_error', 'mean_absolute_error', 'huber', 'binary_cross_entropy', 'categorical_cross_entropy'],
    optimizer: ['sgd', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw'],
    init: ['glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal', 'lecun_uniform', 'lecun_normal', 'pytorch', 'numpy', 'numpy_by_layer', 'zeros'],
};
const kept = ['hidden', 'activation', 'loss', 'optimizer', 'rate', 'init', 'seed', 'epochs', 'batch', 'pace'];

/** Fills the form: the choices, then what suits the data, then what the address says. */
export function fill(form, search) {
    for (const [name, values] of Object.entries(choices)) {
        form.elements[name].replaceChildren(...values.map((value) => new Option(value.replaceAll('_', ' '), value)));
    }
    const network = search.get('network');
    form.elements.network.value = network in problems ? network : 'xor';
    suit(form);
    for (const name of kept) {
        const value = search.get(name);
        const field = form.elements[name];
        const known = field.tagName !== 'SELECT' || [...field.options].some((option) => option.value === value);
        if (value !== null && known) {
            field.value = value;
        }
    }
}

/** Sets what suits the chosen data. */
export function suit(form, settings = problems[form.elements.network.value]?.settings) {
    for (const [name, value] of Object.entries(settings ?? {})) {
        form.elements[name].value = value;
    }
}

/** The address of these settings: what differs from what suits the data. */
export function remember(form) {
    const network = form.elements.network.value;
    const search = new URLSearchParams({ network });
    const usual = { pace: 'full', ...problems[network]?.settings };
    for (const name of kept) {
        if (form.elements[name].value !== usual[name]) {
            search.set(name, form.elements[name].value);
        }
    }
    history.replaceState(null, '', `?${search}`);
}

const number = (form, name, what) => {
    const { value } = form.elements[name];
    if (value.trim() === '' || !Number.isFinite(Number(value))) {
        throw new Error(`${what}: expected a number, got ${JSON.stringify(value)}; change it`);
    }
    return Number(value);
};

/** What the form says of the network for that data, and of its training. */
export function read(form, data, last) {
    const words = form.elements.hidden.value.split(/[\s,]+/).filter(Boolean);
    const hidden = words.map((word) => {
        if (!/^\d+$/.test(word) || Number(word) === 0) {
            throw new Error(`hidden layers: expected numbers of units, such as 16, 16, got ${JSON.stringify(word)}; change it`);
        }
        return Number(word);
    });
    const { activation, loss, optimizer, init, pace } = Object.fromEntries(new FormData(form));
    const description = {
        inputs: data.inputs,
        layers: [...hidden.map((units) => ({ units, activation })), { units: data.outputs, activation: last }],
        init,
        seed: number(form, 'seed', 'the seed'),
    };
    const settings = { loss, optimizer, learningRate: number(form, 'rate', 'the learning rate'), seed: description.seed };
    if (form.elements.batch.value !== '') {
        settings.batchSize = number(form, 'batch', 'the batch size');
    }
    return { description, settings, epochs: number(form, 'epochs', 'the epochs'), slow: pace === 'slow' };
}
