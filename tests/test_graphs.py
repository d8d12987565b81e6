"""What the graph of a cell says, against counting by hand."""

import networkx
import numpy as np
import pytest

from parzc.graphs import Graph, graph_features
from parzc.spaces.darts import DARTS
from parzc.spaces.nasbench101 import NASBench101
from parzc.spaces.nasbench201 import NASBench201

GLOBAL = 5
DIAMOND = [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)]


def of_set(graph: Graph, place: int) -> list[float]:
    features = graph_features(graph)
    return (
        features[GLOBAL + len(graph.operations) :].reshape(-1, 8 if graph.on_vertices else 6)[place].tolist()
    )


def test_whole_graph_is_counted() -> None:
    graph = Graph(("a", "b"), DIAMOND, [0, 0, 1, 0, None])
    assert graph_features(graph)[: GLOBAL + 2].tolist() == [4, 5, 3, 3, 3, 3, 1]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (0, [1, 2, 2, 3, 1, 1]),  # only a: 0→1, 0→2, 2→3 and 0→3, which is no operation
        (1, [1, 1, 2, 1, 0.5, 0.5]),  # only b: 1→3 and 0→3
        (2, [1, 2, 3, 3, 1.25, 1.25]),
    ],
)
def test_operations_on_edges(place, expected) -> None:
    graph = Graph(("a", "b"), DIAMOND, [0, 0, 1, 0, None])
    assert of_set(graph, place) == expected


def test_operations_on_vertices() -> None:
    graph = Graph(("a", "b"), [(0, 1), (1, 2), (2, 3)], [None, 0, 1, None], on_vertices=True)
    # only a: the path is cut before vertex 2; one of its operations is a; 2→3 comes from a b
    assert of_set(graph, 0) == [4, 1, 0, 1, 0.5, 0.5, 1, 1]
    assert of_set(graph, 2) == [3, 2, 1, 1, 0.75, 0.75, 1, 1]


def test_two_inputs_are_both_sources() -> None:
    graph = Graph(("a",), [(0, 2), (1, 2), (2, 3)], [0, 0, None], inputs=2)
    assert graph_features(graph)[:GLOBAL].tolist() == [4, 3, 2, 1, 2]
    assert of_set(graph, 0)[:2] == [2, 1]


def test_order_of_edges_does_not_matter() -> None:
    turned = Graph(("a", "b"), DIAMOND[::-1], [None, 0, 1, 0, 0])
    np.testing.assert_array_equal(
        graph_features(turned), graph_features(Graph(("a", "b"), DIAMOND, [0, 0, 1, 0, None]))
    )


def test_a_graph_without_edges_has_no_path() -> None:
    assert graph_features(Graph(("a",), [], [], inputs=1)).tolist()[:GLOBAL] == [2, 0, 0, 0, 0]


def test_shortest_paths_are_those_of_networkx() -> None:
    space = NASBench201()
    for cell in space.sample(40, 0):
        (graph,) = space.graphs(cell)
        allowed = networkx.DiGraph()
        allowed.add_nodes_from(range(4))
        labelled = zip(graph.edges, graph.labels, strict=True)
        allowed.add_edges_from(edge for edge, label in labelled if label == 3)
        found = networkx.has_path(allowed, 0, 3)
        expected = networkx.shortest_path_length(allowed, 0, 3) if found else 7
        assert of_set(graph, 3)[0] == expected


def test_cells_of_nasbench101_have_operations_on_vertices() -> None:
    (graph,) = NASBench101().graphs("0100001000010000:conv3x3-maxpool3x3")
    whole = graph_features(graph)[:8].tolist()
    assert whole == [4, 3, 1, 1, 1, 1, 0, 1]
    assert of_set(graph, 0)[:2] == [4, 1]  # 3×3 convolutions alone do not lead to the output


def test_genotypes_are_two_cells_with_two_inputs() -> None:
    space = DARTS()
    graphs = space.graphs(space.sample(1, 0)[0])
    # eight operations and four edges into the output
    assert [graph_features(graph)[:2].tolist() for graph in graphs] == [[7, 12], [7, 12]]
    assert all(graph.inputs == 2 for graph in graphs)
