"""The lookup finds the atoms that are true for an event, by generated code or by its walk."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.conditions import values

from router.rules.index import lookup as module
from router.rules.index.atoms import AnyElement, Atom, Path, Predicate
from router.rules.index.lookup import AtomLookup
from router.rules.index.lookup_tables import InconclusiveLookupError

ELEMENT = AnyElement.ELEMENT


def lookup_of(*atoms: Atom) -> AtomLookup:
    """Return a lookup in which the code of each atom is its position."""
    lookup = AtomLookup()
    for code, atom in enumerate(atoms):
        lookup.add(atom, code)
    lookup.build()
    return lookup


def codes(lookup: AtomLookup, event: dict[str, Any]) -> list[int]:
    found: list[int] = []
    lookup.collect(event, found)
    return sorted(set(found))


def atom(path: str, predicate: Predicate, value: Any = None) -> Atom:
    steps: Path = tuple(ELEMENT if step == "*" else step for step in path.split("."))
    return Atom(steps, predicate, value)


@pytest.mark.parametrize(
    ("atom", "true_for", "false_for"),
    [
        (atom("a", Predicate.EQUAL, "x"), ["x"], ["y", "", 1, None, ["x"], {"x": 1}]),
        (atom("a", Predicate.EQUAL, 1), [1, 1.0], [True, "1", 2, None, [1]]),
        (atom("a", Predicate.EQUAL, 0), [0, 0.0, -0.0], [False, None, "", []]),
        (atom("a", Predicate.EQUAL, True), [True], [1, 1.0, "true", False, None]),
        (atom("a", Predicate.EQUAL, None), [None], [False, 0, "", {}]),
        (atom("a", Predicate.BELOW, 3), [2, 2.9, -math.inf], [3, 3.0, True, "2", None]),
        (atom("a", Predicate.AT_MOST, 3), [3, 3.0], [3.1, 4, False, [1]]),
        (atom("a", Predicate.ABOVE, 3), [4, 3.5, math.inf], [3, True, "4"]),
        (atom("a", Predicate.AT_LEAST, "b"), ["b", "ba", "c"], ["a", "", 3, None]),
        (atom("a", Predicate.PREFIX, "ab"), ["ab", "abc"], ["a", "b", "", 1, ["ab"]]),
        (atom("a", Predicate.PATTERN, "^b|c$"), ["b", "ac"], ["ab", "", 1, ["b"]]),
        (atom("a", Predicate.PRESENT), [None, 0, "", [], {}], []),
        (atom("a.b", Predicate.PRESENT), [{"b": None}], [{}, "b", None, ["b"], {"c": 1}]),
        (atom("a.b", Predicate.EQUAL, None), [{"b": None}], [{}, None, {"b": 0}]),
        (atom("a.*", Predicate.EQUAL, "x"), [["x"], ["y", "x"], {"x": 1}], [[], "x", [["x"]]]),
        (atom("a.*", Predicate.EQUAL, True), [[True]], [[1], [1.0], {"true": True}]),
        (
            atom("a.*.b", Predicate.EQUAL, 1),
            [[{"b": 1}], [0, {"b": 1.0}]],
            [[{"b": True}], {"b": 1}],
        ),
        (atom("a.*", Predicate.PRESENT), [[None], {"k": 1}], [[], {}, "x", None]),
    ],
)
def test_an_atom_is_found_if_it_is_true(
    atom: Atom, true_for: list[Any], false_for: list[Any]
) -> None:
    lookup = lookup_of(atom)

    assert [codes(lookup, {"a": value}) for value in true_for] == [[0]] * len(true_for)
    assert [codes(lookup, {"a": value}) for value in false_for] == [[]] * len(false_for)
    assert codes(lookup, {}) == []


@pytest.mark.parametrize("predicate", [Predicate.BELOW, Predicate.AT_LEAST])
def test_nan_has_no_side_of_a_threshold(predicate: Predicate) -> None:
    with pytest.raises(InconclusiveLookupError):
        codes(lookup_of(atom("a", predicate, 3)), {"a": math.nan})


def test_a_crowd_of_elements_does_not_fill_memory() -> None:
    lookup = AtomLookup()
    for code in range(3000):
        lookup.add(Atom(("l", ELEMENT), Predicate.EQUAL, "a"), code)
    lookup.build()
    codes: list[int] = []
    lookup.collect({"l": ["a"] * 300}, codes)
    assert set(codes) == set(range(3000))
    assert len(codes) < 20_000


paths = st.lists(st.sampled_from(["a", "b", "c", ELEMENT]), min_size=1, max_size=3).map(tuple)
constants = st.sampled_from([0, 1, True, False, 1.0, -0.0, 2.5, None, "", "a", "ab", "é"])
orderable = st.sampled_from([0, 1, -1, 2.5, "a", "ab"])
atoms = st.one_of(
    st.builds(Atom, paths, st.just(Predicate.EQUAL), constants),
    st.builds(Atom, paths, st.just(Predicate.PRESENT)),
    st.builds(
        Atom,
        paths,
        st.sampled_from([Predicate.BELOW, Predicate.AT_MOST, Predicate.ABOVE, Predicate.AT_LEAST]),
        orderable,
    ),
    st.builds(
        Atom,
        paths,
        st.sampled_from([Predicate.PREFIX, Predicate.PATTERN]),
        st.sampled_from(["", "a", "ab", "b"]),
    ),
)


@given(
    atoms=st.lists(atoms, max_size=12),
    events=st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), max_size=4),
)
def test_generated_code_finds_what_the_walk_finds(
    atoms: list[Atom], events: list[dict[str, Any]]
) -> None:
    generated = lookup_of(*atoms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_GENERATED_FIELDS", 0)
        walked = lookup_of(*atoms)

    assert [codes(generated, event) for event in events] == [
        codes(walked, event) for event in events
    ]
