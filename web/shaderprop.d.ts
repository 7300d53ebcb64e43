// The types of shaderprop.js.

export type NumberArray =
    | Float32Array | Float64Array | Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | number[];

/** Rows: a list of rows, or one flat list of all numbers, row by row. */
export type Rows = NumberArray | NumberArray[];

export type Loss =
    | 'squared_error' | 'mean_squared_error' | 'mean_absolute_error' | 'huber' | 'binary_cross_entropy' | 'categorical_cross_entropy';

export type Metric = 'accuracy' | 'precision' | 'recall' | 'f1' | 'mean_absolute_error' | 'root_mean_squared_error' | 'r_squared';

export type Activation =
    | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'elu' | 'gelu' | 'gelu_tanh' | 'silu' | 'softplus' | 'identity' | 'softmax';

export type Init =
    | 'glorot_uniform' | 'glorot_normal' | 'he_uniform' | 'he_normal' | 'lecun_uniform' | 'lecun_normal' | 'pytorch'
    | 'numpy' | 'numpy_by_layer' | 'zeros';

/** A network's layers and initial weights. */
export interface Description {
    /** The number of inputs. */
    inputs: number;
    /** The layers, first to last; `dropout` is from 0 (the default) to below 1. */
    layers: { units: number; activation: Activation; dropout?: number }[];
    /** The initialiser: `glorot_uniform` by default. `numpy` draws the same numbers as `numpy.random.rand` with that
     * seed. */
    init?: Init;
    /** From 0 to 4,294,967,295; 0 by default. */
    seed?: number;
}

/** The settings of a training run. */
export interface Settings {
    /** `mean_squared_error` by default. For `categorical_cross_entropy`, targets may be one class index per row. */
    loss?: Loss;
    /** `sgd` by default. */
    optimizer?: 'sgd' | 'momentum' | 'nesterov' | 'rmsprop' | 'adam' | 'adamw';
    /** The optimizer's default if omitted. */
    learningRate?: number;
    weightDecay?: number;
    clipNorm?: number;
    /** 1 by default. */
    epochs?: number;
    /** All rows by default. */
    batchSize?: number;
    /** Whether each epoch shuffles the rows; true by default. */
    shuffle?: boolean;
    /** Determines the order of the rows; 0 by default. */
    seed?: number;
    /** None by default. */
    metrics?: Metric[];
    /** Stops after that many epochs without improvement, and restores the best weights; never by default. */
    patience?: number;
    /** Epochs between logs, starting with epoch 1; 1 by default if there is an `onLog`. */
    logEvery?: number;
    /** The approximate number of milliseconds between logs; the first and the last epoch are always logged. Cannot be
     * combined with `logEvery`. */
    logInterval?: number;
    /** Whether logs include the weights; false by default. */
    logWeights?: boolean;
    /** The engine that trains: `auto` by default. */
    engine?: 'auto' | 'staged' | 'fused';
}

export interface Tensor {
    /** `layers.{i}.weight` of shape [in, out], or `layers.{i}.bias`. */
    name: string;
    shape: number[];
    values: Float32Array;
}

/** A log point. */
export interface Log {
    /** Counted from 1 within this call. */
    epoch: number;
    /** The loss before the epoch's updates. */
    loss: number;
    learningRate: number;
    metrics: Record<string, number>;
    validationLoss?: number;
    validationMetrics?: Record<string, number>;
    /** If `logWeights` is set. */
    weights?: Tensor[];
}

export interface History {
    /** The loss of every epoch of this call. */
    loss: Float64Array;
    metrics: Record<string, Float64Array>;
    validationLoss: Float64Array;
    validationMetrics: Record<string, Float64Array>;
    /** The learning rate of the last step. */
    learningRate: number;
    /** The best epoch, counted from 1, if `patience` is set. */
    bestEpoch?: number;
    /** Why training ended: all epochs are done, early stopping, or `onLog` returned false. */
    ended: 'finished' | 'early_stopping' | 'asked';
    /** The engine that trained. */
    engine: string;
}

/** One dispatch of an epoch. */
export interface Stage {
    shader: string;
    label: string;
    formula: string;
    /** Its WGSL. */
    source: string;
    inputs: Tensor[];
    outputs: Tensor[];
}

/** An error of this library. Its message says what is wrong and what to do. */
export interface ShaderpropError extends Error {
    /** Whether the device can no longer be used; open another one. */
    needsNewDevice?: boolean;
}

/** An open GPU device. */
export class Device {
    private constructor();
    /** The browser's name for the adapter. */
    readonly name: string;
    /** Destroys the device: every later call that uses it fails. */
    destroy(): void;
}

/** Opens the browser's GPU. Call this first. */
export function open(): Promise<Device>;

/** A network with its weights on a device. It takes one call at a time: while it trains, another call throws. */
export class Network {
    /** With a table, the model also keeps the table's preprocessing. */
    constructor(device: Device, description: Description, table?: Table);
    readonly inputs: number;
    readonly layers: { units: number; activation: Activation }[];
    /** The number of weights and biases. */
    readonly parameters: number;
    /** The target column if the network was made for a table, and below it the names of its classes. */
    readonly target: string | null;
    readonly classes: string[] | null;
    /** The number of epochs that it has been trained for, not counting a call that is still running. */
    readonly epochs: number;
    /** Trains. Another call continues where this one stopped. Training stops if `onLog` returns false; a promise is
     * awaited. If training diverges, the network goes back to the weights of the last log, or of a later checked epoch. */
    fit(
        inputs: Rows,
        targets: Rows,
        settings?: Settings & { onLog?: (log: Log) => void | boolean | Promise<void | boolean>; validationData?: [Rows, Rows] },
    ): Promise<History>;
    /** The outputs, row by row. */
    predict(inputs: Rows): Promise<Float32Array>;
    /** The predictions for a CSV table's raw rows, with or without the target column, for a model that was made for a
     * table: row by row the probability of each class, or a number in the target's units. */
    predictTable(csv: Uint8Array | ArrayBuffer): Promise<Float32Array>;
    /** The loss is `mean_squared_error` by default. Rows of `confusion` are actual classes, columns predicted ones;
     * with more than 1,024 classes it is empty. */
    evaluate(inputs: Rows, targets: Rows, loss?: Loss): Promise<{ loss: number; accuracy: number; confusion: number[][] }>;
    /** The stages of one epoch of training from the current weights, counted from 1 (the default). The network does not
     * change. */
    explain(inputs: Rows, targets: Rows, settings?: Settings, epoch?: number): Promise<Stage[]>;
    /** The model as the bytes of a file; the name's extension selects the format: `.safetensors`, `.npz`, `.onnx`,
     * `.json` or `.c`. */
    save(name: string): Uint8Array;
    /** A model from a `.safetensors` or `.npz` file that a page or the command wrote. */
    static load(device: Device, name: string, bytes: Uint8Array | ArrayBuffer): Network;
    weights(): Tensor[];
    /** Sets the tensors with these names; the others stay unchanged. */
    setWeights(weights: Tensor[]): void;
    predictor(inputs: Rows): Promise<Predictor>;
    /** The same table with this network's scales and categories instead of its own. */
    table(table: Table): Table;
    /** Frees its memory immediately, without waiting for garbage collection. */
    free(): void;
}

/** Rows that stay on the device, for predictions with changing weights, even while the network trains. */
export class Predictor {
    private constructor();
    predict(weights: Tensor[]): Promise<Float32Array>;
    /** The outputs of each layer, first to last. */
    activations(weights: Tensor[]): Promise<Float32Array[]>;
    /** Frees its memory immediately, without waiting for garbage collection. */
    free(): void;
}

/** A CSV table as numbers. */
export class Table {
    /** Delimiter, header and encoding are inferred. By default the target is the last column; it is learned as classes if
     * it has text or few whole numbers; and a fifth of the rows is held out, with the same share of each class. Rows
     * without a target are left out. */
    constructor(csv: Uint8Array | ArrayBuffer, options?: { target?: string; classes?: boolean; heldOut?: number; seed?: number });
    readonly rows: number;
    readonly columns: string[];
    readonly target: string;
    /** The inputs and, below, the outputs of a network for this table. */
    readonly inputs: number;
    readonly outputs: number;
    readonly classes: string[] | null;
    /** Whether the first line names the columns. Otherwise they are numbered from 0. */
    readonly named: boolean;
    /** What was inferred of the table that may not be meant so, one sentence each. */
    readonly notices: string[];
    readonly trainData: [Float32Array, Float32Array];
    readonly testData: [Float32Array, Float32Array] | null;
}

/** Trains a network from that many starts at once, at most 1,000,000, with the description's seed and the ones after
 * it; resolves to the final loss of each. It does not support metrics, logs or patience. */
export function sweep(
    device: Device,
    description: Description,
    networks: number,
    inputs: Rows,
    targets: Rows,
    settings?: Settings,
): Promise<Float32Array>;
