// The settings in the form and in the page's address.

import { problems } from './data.js';

const choices = {
    activation: ['sigmoid', 'tanh', 'relu', 'leaky_relu', 'elu', 'gelu', 'gelu_tanh', 'silu', 'softplus', 'identity'],
    loss: ['squared_error', 'mean_squared_error', 'mean_absolute_error', 'huber', 'binary_cross_entropy', 'categorical_cross_entropy'],
    optimizer: ['sgd', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw'],
    init: ['glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal', 'lecun_uniform', 'lecun_normal', 'pytorch', 'numpy', 'numpy_by_layer', 'zeros'],
};
const kept = ['hidden', 'activation', 'loss', 'optimizer', 'rate', 'init', 'seed', 'epochs', 'batch', 'pace'];

/** Fills the form: choices, defaults of the data, settings from the address. Returns an error in the address, if any. */
export function fill(form, search) {
    for (const [name, values] of Object.entries(choices)) {
        form.elements[name].replaceChildren(...values.map((value) => new Option(value.replaceAll('_', ' '), value)));
    }
    const network = search.get('network') ?? 'xor';
    const known = Object.hasOwn(problems, network);
    form.elements.network.value = known ? network : 'xor';
    suit(form, problems[form.elements.network.value]);
    if (!known) {
        // The other settings belong to that data.
        const open = network === 'csv' ? 'open the CSV file again' : 'choose other data';
        return `the address: no data ${JSON.stringify(network)} here; ${open}`;
    }
    for (const name of kept) {
        const value = search.get(name);
        const field = form.elements[name];
        if (value !== null && (field.tagName !== 'SELECT' || [...field.options].some((option) => option.value === value && !option.disabled))) {
            field.value = value;
        }
    }
    return null;
}

/** Sets the defaults of the data. */
export function suit(form, { settings, last }) {
    for (const [name, value] of Object.entries(settings)) {
        form.elements[name].value = value;
    }
    offer(form, last);
}

/** Offers the losses that fit the last layer. */
export function offer(form, last) {
    for (const option of form.elements.loss.options) {
        option.disabled = (last === 'softmax') !== (option.value === 'categorical_cross_entropy') || (last === 'identity' && option.value === 'binary_cross_entropy');
    }
    if (form.elements.loss.selectedOptions[0].disabled) {
        form.elements.loss.value = last === 'softmax' ? 'categorical_cross_entropy' : 'mean_squared_error';
    }
}

/** Puts settings that differ from the data's defaults into the address. */
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
        throw new Error(`${what}: expected a number, got ${JSON.stringify(value)}`);
    }
    return Number(value);
};

const whole = (form, name, what, least, most = Number.MAX_SAFE_INTEGER) => {
    const value = number(form, name, what);
    if (!Number.isInteger(value) || value < least || value > most) {
        throw new Error(`${what}: expected a whole number from ${least}${most < 2 ** 50 ? ` to ${most}` : ' upwards'}, got ${value}`);
    }
    return value;
};

/** The form's network for that data, and its training. */
export function read(form, data, last) {
    const words = form.elements.hidden.value.split(/[\s,]+/).filter(Boolean);
    const hidden = words.map((word) => {
        if (!/^\d+$/.test(word) || Number(word) === 0) {
            throw new Error(`hidden layers: expected numbers of units, such as 16, 16, got ${JSON.stringify(word)}`);
        }
        return Number(word);
    });
    const { activation, loss, optimizer, init, pace } = Object.fromEntries(new FormData(form));
    const description = {
        inputs: data.inputs,
        layers: [...hidden.map((units) => ({ units, activation })), { units: data.outputs, activation: last }],
        init,
        seed: whole(form, 'seed', 'the seed', 0, 4294967295),
    };
    const settings = { loss, optimizer, learningRate: number(form, 'rate', 'the learning rate'), seed: description.seed };
    if (form.elements.batch.value !== '') {
        settings.batchSize = whole(form, 'batch', 'the batch size', 1);
    }
    return { description, settings, epochs: whole(form, 'epochs', 'the epochs', 1, 1e8), slow: pace === 'slow' };
}
