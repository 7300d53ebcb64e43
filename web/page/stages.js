// One epoch stage by stage: each with its WGSL, inputs and outputs.

const MOST = 8;

const element = (name, attributes = {}, ...children) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(...children);
    return made;
};

/** A list item for each stage, in order. */
export function show(list, stages) {
    list.replaceChildren(
        ...stages.map(({ label, formula, source, inputs, outputs }, i) => {
            const numbers = element('div', {}, ...tensors('in', inputs), ...tensors('out', outputs));
            const body = element('div', { className: 'stage' }, element('pre', { tabIndex: 0 }, source.trim()), numbers);
            const summary = element('summary', {}, element('code', {}, label), ` ${formula}`);
            return element('li', {}, element('details', { open: i === 0 }, summary, body));
        }),
    );
}

function tensors(way, list) {
    return list.map(({ name, shape, values }) => {
        const columns = shape.at(-1) || 1;
        const rows = values.length / columns;
        const lines = [];
        for (let row = 0; row < Math.min(rows, MOST); row++) {
            const cells = Array.from(values.slice(row * columns, row * columns + Math.min(columns, MOST)));
            lines.push(element('tr', {}, ...cells.map((value) => element('td', {}, digits(value)))));
        }
        const rest = rows > MOST || columns > MOST ? `, the first ${Math.min(rows, MOST)} × ${Math.min(columns, MOST)}` : '';
        const caption = element('caption', {}, `${way} ${name} (${shape.join(' × ')})${rest}`);
        return element('div', { className: 'matrix' }, element('table', {}, caption, element('tbody', {}, ...lines)));
    });
}

/** A number with the digits of an f32. */
export function digits(value) {
    if (value === null || !Number.isFinite(value)) return String(value);
    const size = Math.abs(value);
    return value === 0 ? '0' : size >= 1e-4 && size < 1e7 ? value.toPrecision(8) : value.toExponential(7);
}
