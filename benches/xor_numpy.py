"""The first tutorial's training, in the tutorial's own NumPy code. benches/xor.rs compares with it."""
import sys
import time

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


np.random.seed(42)
w1, w2 = np.random.rand(2, 2), np.random.rand(2, 1)
b1, b2 = np.random.rand(1, 2), np.random.rand(1, 1)
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
begun = time.perf_counter()
for epoch in range(10000):
    h = sigmoid(np.dot(x, w1) + b1)
    p = sigmoid(np.dot(h, w2) + b2)
    d = (y - p) * (p * (1 - p))
    dh = d.dot(w2.T) * (h * (1 - h))
    w2 += h.T.dot(d) * 0.1
    b2 += np.sum(d, axis=0, keepdims=True) * 0.1
    w1 += x.T.dot(dh) * 0.1
    b1 += np.sum(dh, axis=0, keepdims=True) * 0.1
    if epoch % 1000 == 0:
        print(f"Epoch {epoch + 1}, Loss: {np.mean((y - p) ** 2)}")
print(time.perf_counter() - begun, file=sys.stderr)
