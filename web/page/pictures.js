// The page's pictures: loss curve, predictions over the plane, weights and activations.

/** A style sheet's colour for a canvas, resolved for light or dark. */
const style = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
};
const probe = document.head.appendChild(document.createElement('i'));

/** Blue, white, orange for values from 0 to 1; grey if not finite. */
export function colour(value) {
    if (!Number.isFinite(value)) return [136, 136, 136];
    const v = Math.min(1, Math.max(0, value));
    const mix = (from, to, t) => from.map((c, i) => c + (to[i] - c) * t);
    return v < 0.5 ? mix([47, 111, 208], [243, 243, 238], 2 * v) : mix([243, 243, 238], [224, 123, 24], 2 * v - 1);
}

/** Sets a canvas to the screen's resolution; returns its context and size in CSS pixels. */
function prepare(canvas) {
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return { context, width, height };
}

/** The curve through [epoch, loss], on a logarithmic scale. */
export function drawCurve(canvas, points, epochs) {
    const { context, width, height } = prepare(canvas);
    let [least, most] = [Infinity, 0];
    for (const [, loss] of points) {
        if (loss > 0 && loss < Infinity) [least, most] = [Math.min(least, loss), Math.max(most, loss)];
    }
    const [left, bottom, top, right] = [56, 20, 8, 8];
    context.font = '11px system-ui, sans-serif';
    context.fillStyle = style('--faint');
    context.strokeStyle = style('--line');
    let [low, high] = most ? [Math.log10(least), Math.log10(most)] : [-3, 0];
    if (high - low < 0.3) {
        [low, high] = [(low + high) / 2 - 0.15, (low + high) / 2 + 0.15];
    }
    const x = (epoch) => left + ((width - left - right) * epoch) / Math.max(1, epochs);
    const y = (loss) => top + ((high - Math.log10(loss)) / (high - low)) * (height - top - bottom);
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (let i = 0; i <= 4; i++) {
        const loss = 10 ** (low + ((high - low) * i) / 4);
        context.beginPath();
        context.moveTo(left, y(loss));
        context.lineTo(width - right, y(loss));
        context.stroke();
        context.fillText(loss < 1e-3 ? loss.toExponential(1) : loss.toPrecision(3), left - 6, y(loss));
    }
    context.textBaseline = 'alphabetic';
    context.textAlign = 'center';
    for (let i = 0; i <= 4; i++) {
        const epoch = Math.round((epochs * i) / 4);
        context.textAlign = i === 4 ? 'right' : 'center';
        context.fillText(epoch.toLocaleString('en'), x(epoch), height - 5);
    }
    context.strokeStyle = style('--accent');
    context.lineWidth = 2;
    context.beginPath();
    let drawn = false;
    // About one point per pixel is enough.
    const every = Math.max(1, Math.floor(points.length / (2 * width)));
    points.forEach(([epoch, loss], i) => {
        if (!(loss > 0 && loss < Infinity) || (i % every !== 0 && i !== points.length - 1)) return;
        drawn ? context.lineTo(x(epoch), y(loss)) : context.moveTo(x(epoch), y(loss));
        drawn = true;
    });
    context.stroke();
    context.lineWidth = 1;
}

/** The outputs at `side` × `side` points, the line where they are ½, and the data. */
export function drawBoundary(canvas, { side, bounds, values }, data) {
    const { context, width } = prepare(canvas);
    const image = new ImageData(side, side);
    for (let i = 0; i < side * side; i++) {
        image.data.set([...colour(values[i]), 255], 4 * i);
    }
    const small = new OffscreenCanvas(side, side);
    small.getContext('2d').putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, width, width);
    drawHalf(context, side, values, width);
    const place = ([x, y]) => [((x - bounds.low) / (bounds.high - bounds.low)) * width, (1 - (y - bounds.low) / (bounds.high - bounds.low)) * width];
    const radius = data.rows.length > 50 ? 3 : 7;
    data.rows.forEach((row, i) => {
        const [x, y] = place(row);
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.fillStyle = `rgb(${colour(data.targets[i][0])})`;
        context.fill();
        context.strokeStyle = '#fff';
        context.lineWidth = 1.5;
        context.stroke();
    });
}

/** The line where the values are ½: straight within each square of four points. */
function drawHalf(context, side, values, width) {
    const scale = width / side;
    const at = (row, column) => values[row * side + column] - 0.5;
    context.beginPath();
    for (let row = 0; row + 1 < side; row++) {
        for (let column = 0; column + 1 < side; column++) {
            const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
            const crossings = [];
            corners.forEach((from, i) => {
                const to = corners[(i + 1) % 4];
                const [a, b] = [at(...from), at(...to)];
                if (a < 0 !== b < 0) {
                    const t = a / (a - b);
                    crossings.push([from[1] + (to[1] - from[1]) * t + 0.5, from[0] + (to[0] - from[0]) * t + 0.5]);
                }
            });
            for (let i = 0; i + 1 < crossings.length; i += 2) {
                context.moveTo(crossings[i][0] * scale, crossings[i][1] * scale);
                context.lineTo(crossings[i + 1][0] * scale, crossings[i + 1][1] * scale);
            }
        }
    }
    context.strokeStyle = '#222';
    context.lineWidth = 1.5;
    context.stroke();
}

/** A matrix as coloured cells: `range` is orange, its negative blue. */
export function drawMatrix(canvas, rows, columns, values, range) {
    const most = 128;
    const [shownRows, shownColumns] = [Math.min(rows, most), Math.min(columns, most)];
    const cell = Math.max(2, Math.min(18, Math.floor(288 / Math.max(shownRows, shownColumns))));
    canvas.width = shownColumns * cell;
    canvas.height = shownRows * cell;
    const image = new ImageData(shownColumns, shownRows);
    for (let row = 0; row < shownRows; row++) {
        for (let column = 0; column < shownColumns; column++) {
            const value = values[row * columns + column];
            image.data.set([...colour(0.5 + (0.5 * value) / (range || 1)), 255], 4 * (row * shownColumns + column));
        }
    }
    const small = new OffscreenCanvas(shownColumns, shownRows);
    small.getContext('2d').putImageData(image, 0, 0);
    const context = canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** A square for each start, by its final loss. */
export function drawStarts(canvas, losses) {
    const columns = Math.min(losses.length, 50);
    const cell = Math.max(2, Math.min(12, Math.floor(600 / columns)));
    canvas.hidden = false;
    canvas.width = columns * cell;
    canvas.height = Math.ceil(losses.length / columns) * cell;
    const context = canvas.getContext('2d');
    losses.forEach((loss, i) => {
        context.fillStyle = `rgb(${colour(Number.isFinite(loss) ? 1 - 4 * Math.min(loss, 0.25) : NaN)})`;
        context.fillRect((i % columns) * cell, Math.floor(i / columns) * cell, cell - 1, cell - 1);
    });
}

/** The largest absolute value among the finite ones. */
export function largest(values) {
    let most = 0;
    for (const value of values) {
        if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
    }
    return most;
}
