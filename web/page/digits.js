// The field to draw a digit in, and the pixels for the network.

const SIZE = 32;

export class Field {
    constructor(canvas, changed) {
        this.canvas = canvas;
        this.changed = changed;
        this.cursor = null;
        this.clear();
        canvas.addEventListener('pointerdown', (event) => {
            if (event.button !== 0) return;
            canvas.setPointerCapture(event.pointerId);
            this.last = null;
            this.stroke(event);
        });
        // A stroke begins in the field, and may leave it.
        canvas.addEventListener('pointermove', (event) => canvas.hasPointerCapture(event.pointerId) && this.stroke(event));
        canvas.addEventListener('pointerup', () => this.changed(this));
        canvas.addEventListener('keydown', (event) => this.key(event));
        canvas.addEventListener('focus', () => this.draw());
        canvas.addEventListener('blur', () => this.draw());
    }

    clear() {
        this.ink = new Uint8Array(SIZE * SIZE);
        this.draw();
    }

    get empty() {
        return !this.ink.includes(1);
    }

    /** Draws a line from the pointer's last position. */
    stroke(event) {
        const { left, top, width, height } = this.canvas.getBoundingClientRect();
        const to = [((event.clientX - left) / width) * SIZE, ((event.clientY - top) / height) * SIZE];
        const from = this.last ?? to;
        const steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])) + 1;
        for (let i = 0; i <= steps; i++) {
            this.dot(from[0] + ((to[0] - from[0]) * i) / steps, from[1] + ((to[1] - from[1]) * i) / steps);
        }
        this.last = to;
        this.draw();
    }

    dot(x, y) {
        for (let row = Math.floor(y - 2); row <= y + 2; row++) {
            for (let column = Math.floor(x - 2); column <= x + 2; column++) {
                const inside = row >= 0 && column >= 0 && row < SIZE && column < SIZE;
                if (inside && Math.hypot(column + 0.5 - x, row + 0.5 - y) <= 1.9) {
                    this.ink[row * SIZE + column] = 1;
                }
            }
        }
    }

    /** Arrow keys move, with ink while shift is held; space makes a dot. */
    key(event) {
        const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
        const move = moves[event.key];
        if (!move && event.key !== ' ') return;
        event.preventDefault();
        this.cursor ??= [SIZE / 2, SIZE / 2];
        if (move) {
            this.cursor = this.cursor.map((place, i) => Math.min(SIZE - 1, Math.max(0, place + 2 * move[i])));
        }
        if (!move || event.shiftKey) {
            this.dot(...this.cursor);
            this.changed(this);
        }
        this.draw();
    }

    draw() {
        const context = this.canvas.getContext('2d');
        const scale = this.canvas.width / SIZE;
        context.fillStyle = '#fff';
        context.fillRect(0, 0, this.canvas.width, this.canvas.height);
        context.fillStyle = '#123';
        this.ink.forEach((ink, i) => ink && context.fillRect((i % SIZE) * scale, Math.floor(i / SIZE) * scale, scale, scale));
        if (this.cursor && document.activeElement === this.canvas) {
            context.strokeStyle = '#a4540a';
            context.strokeRect(this.cursor[0] * scale - 6, this.cursor[1] * scale - 6, 12, 12);
        }
    }

    /** The digit's pixels, as in the data set: its bounding square is divided into 8 × 8 cells, each with its share of
     * ink. */
    pixels() {
        const places = [...this.ink.keys()].filter((i) => this.ink[i]);
        const columns = places.map((i) => i % SIZE);
        const rows = places.map((i) => Math.floor(i / SIZE));
        const [left, right, top, bottom] = [Math.min(...columns), Math.max(...columns) + 1, Math.min(...rows), Math.max(...rows) + 1];
        const side = Math.max(bottom - top, right - left);
        const [x0, y0] = [(left + right - side) / 2, (top + bottom - side) / 2];
        const fine = 8;
        const pixels = new Float32Array(64);
        for (let cell = 0; cell < 64; cell++) {
            for (let part = 0; part < fine * fine; part++) {
                const x = x0 + (((cell % 8) + ((part % fine) + 0.5) / fine) / 8) * side;
                const y = y0 + ((Math.floor(cell / 8) + (Math.floor(part / fine) + 0.5) / fine) / 8) * side;
                const inside = x >= 0 && y >= 0 && x < SIZE && y < SIZE;
                pixels[cell] += inside ? this.ink[Math.floor(y) * SIZE + Math.floor(x)] / (fine * fine) : 0;
            }
        }
        return pixels;
    }
}
