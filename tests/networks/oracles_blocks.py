"""Slow, obvious NumPy versions of parts of blocks, in float64, on one series `(time, channels)`."""

from math import erf, sqrt

import numpy as np


def convolve(x, kernel, bias=None, dilation=1, ahead=0):
    """Sum over taps, the newest of them `ahead` steps after each step; zeros beyond both ends."""
    taps, _, filters = kernel.shape
    y = np.zeros((len(x), filters)) + (0.0 if bias is None else bias)
    for t in range(len(x)):
        for k in range(taps):
            s = t + ahead - (taps - 1 - k) * dilation
            if 0 <= s < len(x):
                y[t] += x[s] @ kernel[k]
    return y


def highest(x, size, ahead=0):
    """Largest value of the last `size` steps, of those there are."""
    return np.array([x[max(t + ahead - size + 1, 0) : t + ahead + 1].max(axis=0) for t in range(len(x))])


def layer_norm(x, gamma, beta):
    """Over the channels of each step, with Keras' epsilon."""
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gamma + beta


def gelu(x):
    """Exact, not the approximation by tanh."""
    return x * np.vectorize(lambda v: 0.5 * (1 + erf(v / sqrt(2))))(x)


def weights_of(layer):
    """Arrays in float64, in the order of the layer's weights."""
    return [np.asarray(w, "float64") for w in layer.get_weights()]
