"""Series like this one: vectors of series, their nearest neighbors, and forecasts that borrow from them.

Example:
    >>> import numpy as np
    >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    >>> found = neighbors(Embeddings(np.array(["A", "B", "C"], object), vectors), count=1)
    >>> found["neighbor"].tolist()
    ['C', 'C', 'B']
"""

from pipelines.similarity.cold_start import ColdStart
from pipelines.similarity.contrastive import ContrastiveEncoder
from pipelines.similarity.embedding import Embeddings, embed
from pipelines.similarity.neighbors import neighbors

__all__ = ["ColdStart", "ContrastiveEncoder", "Embeddings", "embed", "neighbors"]
