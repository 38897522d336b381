"""Random graphs as masks of a recurrent kernel, and what they are like."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

Graph = Literal["watts_strogatz", "barabasi_albert"]


def drawn(graph: Graph, channels: int, degree: int, rewired: float, seed: int) -> Any:
    """A random graph whose nodes are channels.

    Args:
        graph: ``watts_strogatz``, a ring of nearest neighbours whose edges are drawn
            again with the probability `rewired`, or ``barabasi_albert``, to which nodes
            are added that prefer those with many edges.
        channels: its nodes.
        degree: of a node on average; even.
        rewired: see `graph`.
        seed: of the draw.
    """
    import networkx  # a second

    if graph == "watts_strogatz":
        return networkx.watts_strogatz_graph(channels, degree, rewired, seed)
    return networkx.barabasi_albert_graph(channels, degree // 2, seed)


def mask(graph: Any) -> Tensor:
    """Which channel hears which: neighbours, and itself."""
    import networkx

    edges = torch.from_numpy(networkx.to_numpy_array(graph)) > 0
    return edges | torch.eye(len(edges), dtype=torch.bool)


def properties(graph: Any) -> dict[str, float]:
    """Density, clustering, and the mean path in the largest connected part."""
    import networkx

    part = max(networkx.connected_components(graph), key=len)
    return {
        "density": float(networkx.density(graph)),
        "clustering": float(networkx.average_clustering(graph)),
        "path": float(networkx.average_shortest_path_length(graph.subgraph(part))),
    }
